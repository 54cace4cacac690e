"""Random faults, outside changes and crashes: no correction changes the target twice, and the loop comes to rest."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from syncline.errors import PartnerUnavailable
from syncline.outbox.release import release
from syncline.targets import sending

MakeLoop = Callable[..., Any]
KEYS = [(f"SKU-{item:04}", site) for item in (1, 2, 3) for site in ("DC1", "DC2")]
FAULTS = ["ok", "ok", "lost_applied", "lost", "locked", "busy", "broken", "nonsense"]
ROUNDS = 6
REST_ROUNDS = 6


class Crash(BaseException):
    """The process is gone: nothing catches it."""


@pytest.mark.parametrize("target", ["erp", "shop"])
@pytest.mark.parametrize("seed", range(6))
def test_each_correction_takes_effect_at_most_once_and_the_loop_rests(
    make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch, target: str, seed: int
) -> None:
    rng = random.Random(f"{target}/{seed}")
    loop = make_loop(
        target, {key: rng.randrange(50) for key in KEYS}, {key: rng.randrange(50) for key in KEYS}, lines_max=3
    )
    record, claim = sending.record, sending.claim

    def maybe_crash(original: Callable[..., Any], after: bool) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            if rng.random() < 0.1:
                if after:
                    original(*args)
                raise Crash
            return original(*args)

        return wrapped

    monkeypatch.setattr(sending, "record", maybe_crash(record, after=False))
    monkeypatch.setattr(sending, "claim", maybe_crash(claim, after=True))
    for _ in range(ROUNDS):
        loop.book.faults = [rng.choice(FAULTS) for _ in range(rng.randrange(6))]
        if rng.random() < 0.6:
            key = rng.choice(KEYS)
            loop.book.before_document = [lambda book, key=key: outside(book, key, rng)]
        for key in KEYS:
            if rng.random() < 0.3:
                loop.truth[key] = rng.randrange(50)
        batch = loop.resolve({key: "conflict" for key in KEYS if rng.random() < 0.1})
        if rng.random() < 0.5:
            push(loop)
        release(loop.publisher, batch, loop.clock.now())
        push(loop)
        assert all(count == 1 for count in loop.book.effects.values())

    monkeypatch.setattr(sending, "record", record)
    monkeypatch.setattr(sending, "claim", claim)
    assert_rests(loop)


def assert_rests(loop: Any) -> None:
    """Left alone, the loop reaches the truth and then sends nothing."""
    loop.book.faults, loop.book.before_document = [], []
    for _ in range(REST_ROUNDS):
        push(loop)
        loop.release()
    before = len(loop.book.documents)
    push(loop)
    loop.release()
    push(loop)
    assert len(loop.book.documents) == before, "a fixed point: the next cycle pushes nothing"
    assert set(loop.states()) <= {"applied", "dead"}
    assert loop.book.numbers == loop.truth
    assert all(count == 1 for count in loop.book.effects.values())
    assert set(loop.book.effects) == applied(loop), "applied is exactly what took effect"
    assert loop.queue() == set()


def outside(book: Any, key: tuple[str, str], rng: random.Random) -> None:
    if book.style == "delta":
        book.change(key, rng.randrange(-5, 6), "outside")
    elif book.numbers[key] > 0:
        book.change(key, -rng.randrange(1, book.numbers[key] + 1), "order", order=f"O-{len(book.changes)}")


def applied(loop: Any) -> set[str]:
    return {
        row[0] for row in loop.owner.execute("select correction_id from ops.outbox where state = 'applied'").fetchall()
    }


def push(loop: Any) -> None:
    """A run that may crash or give up. Its session's locks go with it, as when the process dies."""
    try:
        loop.push()
    except Crash:
        loop.reconnect()
    except PartnerUnavailable:
        pass
