"""The oracle's orders: *provably before*, the §2 order, and how the kept one is chosen (semantics §2, §4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from tests.oracle.reading import Fact


def order(fact: Fact) -> tuple[Any, ...]:
    """The §2 order."""
    sequence = (0, 0) if fact.sequence is None else (1, fact.sequence)
    return (fact.start, fact.end, sequence, fact.kind == "balance", fact.source, fact.line_key, fact.revision, fact.id)


def kept_order(fact: Fact) -> tuple[Any, ...]:
    return (fact.received, *order(fact.without_sequence()))


def before(a: Fact, b: Fact) -> bool:
    """a is provably before b (§2)."""
    if a.source != b.source:
        return a.window_end <= b.window_start
    if a.end <= b.start:
        return True
    overlap = a.start < b.end and b.start < a.end
    return overlap and a.sequence is not None and b.sequence is not None and a.sequence < b.sequence


def grouped(facts: Iterable[Fact], by: Callable[[Fact], Hashable]) -> list[list[Fact]]:
    groups: dict[Hashable, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[by(fact)].append(fact)
    return list(groups.values())
