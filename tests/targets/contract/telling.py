"""Sending to a stand-in, and asking its book whether an answer told the truth."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

from syncline.targets.contract import Document, DocumentAnswer, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.targets.contract.standin import StandIn

    from syncline.twin.vendors.book import Key

TIMEOUT_S = 5.0
WAIT_S = 10.0
EFFECT = ("applied", "replayed")
NO_EFFECT = ("refused", "stale", "not_executed")


def reference(name: object) -> str:
    """A correction id."""
    return hashlib.sha256(str(name).encode()).hexdigest()


def line(standin: StandIn, key: Key, change: int, name: object = "first") -> Line:
    """A line that changes ``key`` by ``change``, computed from what the target shows now."""
    shown = standin.adapter.show([key]).get(key)
    is_set = standin.capabilities.writes == "set"
    return Line(
        reference((name, key)),
        *key,
        change + (shown.quantity if is_set and shown else 0),
        expected_version=shown.version if shown else None,
        shown=shown.quantity if shown else None,
    )


def document(standin: StandIn, changes: dict[Key, int], name: object = "first") -> Document:
    """Lines in order of key."""
    return Document(tuple(line(standin, key, changes[key], name) for key in sorted(changes)))


def several(standin: StandIn) -> list[Key]:
    """Keys for as many lines, up to three, as a document may have."""
    return sorted(standin.keys)[: min(3, standin.capabilities.lines_max)]


def settled(standin: StandIn, sent: Document, *, adapter: object = None) -> DocumentAnswer:
    """Send, and where the answer is that one comes later, poll until it has come."""
    speaks = adapter or standin.adapter
    answer: DocumentAnswer = speaks.send(sent, TIMEOUT_S)  # type: ignore[attr-defined]
    if answer.job is None:
        return answer
    later = until(lambda: speaks.poll(answer.job, sent))  # type: ignore[attr-defined]
    assert isinstance(later, DocumentAnswer)
    return later


def until(look: Callable[[], object]) -> object:
    """What ``look`` gives as soon as it gives something."""
    ends_s = time.monotonic() + WAIT_S
    while not (seen := look()):
        assert time.monotonic() < ends_s, f"nothing within {WAIT_S:g} s"
        time.sleep(0.05)
    return seen


@contextmanager
def always(standin: StandIn, fault: str) -> Iterator[None]:
    """Every writing call meets ``fault``."""
    standin.faults.rates, standin.faults.rng = {fault: 1.0}, Random(0)
    try:
        yield
    finally:
        standin.faults.rates, standin.faults.rng = {}, None


def changed(standin: StandIn, before: dict[Key, int]) -> dict[Key, int]:
    """By how much each key that moved has moved since ``before``."""
    with standin.book.lock:
        now = dict(standin.book.numbers)
    return {key: now[key] - was for key, was in before.items() if now[key] != was}


def outcomes(answer: DocumentAnswer) -> list[str]:
    """Sorted and without repetition."""
    return sorted({each.outcome for each in answer.lines.values()})


def assert_true(standin: StandIn, before: dict[Key, int], sent: Document, answer: DocumentAnswer) -> None:
    """Every line is answered, and what the answer claims is what the book says."""
    assert set(answer.lines) == {each.reference for each in sent.lines}
    moved = changed(standin, before)
    is_set = standin.capabilities.writes == "set"
    for each in sent.lines:
        key = (each.item, each.location)
        wanted = each.quantity - before.get(key, 0) if is_set else each.quantity
        outcome = answer.lines[each.reference].outcome
        if outcome in EFFECT:
            assert moved.get(key, 0) == wanted, (key, outcome)
        if outcome in NO_EFFECT:
            assert key not in moved, (key, outcome)
