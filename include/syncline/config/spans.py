"""Rows that hold for a while: where two versions of them answer differently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from itertools import pairwise

from syncline.config.tables import Row

Span = tuple[str, str]  # [from, to): UTC instants or days in ISO form, or -infinity, infinity
Answer = tuple[str, str, Hashable]  # what a row says, from, to


def bound(value: str) -> tuple[int, str]:
    """Sort key of an instant or day as the tables hold it."""
    return {"-infinity": (0, ""), "infinity": (2, "")}.get(value, (1, value))


def overlap(first: Row, second: Row) -> bool:
    """Whether two rows are in force at one time."""
    return bound(first["valid_from"]) < bound(second["valid_to"]) and bound(second["valid_from"]) < bound(
        first["valid_to"]
    )


def changed_spans(
    old: Iterable[Row], new: Iterable[Row], key: tuple[str, ...], says: Callable[[Row], Hashable]
) -> dict[tuple[str, ...], list[Span]]:
    """For each value of ``key``: the spans in which the rows in force ``say`` another thing than before.

    Exact: a row that was cut in two, or two that were joined, say the same as before.
    """
    answers: dict[tuple[str, ...], tuple[list[Answer], list[Answer]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((old, new)):
        for row in rows:
            answers[tuple(row[column] for column in key)][side].append((row["valid_from"], row["valid_to"], says(row)))
    found = {group: _differences(*sides) for group, sides in answers.items()}
    return {group: spans for group, spans in found.items() if spans}


def _differences(old: list[Answer], new: list[Answer]) -> list[Span]:
    points = sorted({point for start, end, _ in (*old, *new) for point in (start, end)}, key=bound)
    spans: list[Span] = []
    for start, end in pairwise(points):
        if _in_force(old, start) == _in_force(new, start):
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _in_force(answers: list[Answer], at: str) -> set[Hashable]:
    return {value for start, end, value in answers if bound(start) <= bound(at) < bound(end)}
