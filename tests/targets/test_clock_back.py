"""Our clock was a day ahead and is right again: no key waits for tomorrow, and no effect comes twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from syncline.targets import sending

MakeLoop = Callable[..., Any]
A = ("SKU-0001", "DC1")
A_DAY = timedelta(days=1)


def jump(loop: Any, by: timedelta) -> None:
    object.__setattr__(loop.clock, "instant", loop.clock.instant + by)


def future_rows(loop: Any) -> int:
    row = loop.owner.execute(
        "select count(*) from ops.outbox o full join ops.target_cursors c using (target)"
        " where greatest(o.lease_until, o.not_before, o.closed_at, c.read_at) > %s",
        [loop.clock.now() + timedelta(hours=1)],
    ).fetchone()
    return int(row[0])


@pytest.mark.parametrize("target", ["erp", "shop"])
def test_a_lease_from_tomorrow_ends_today(make_loop: MakeLoop, target: str) -> None:
    loop = make_loop(target, {A: 10}, {A: 12})
    loop.push()
    loop.release()
    jump(loop, A_DAY)
    with ExitStack() as lanes:  # a worker that dies before its first byte
        assert sending.claim(loop.publisher, loop.policy, loop.clock, "dead", lanes)
    loop.reconnect()
    jump(loop, -A_DAY)
    assert future_rows(loop) == 1
    began = loop.clock.now()
    loop.push()
    assert loop.states() == {"applied": 1}
    assert loop.book.numbers == {A: 12}
    assert loop.clock.now() - began < timedelta(minutes=5)


def test_a_back_off_from_tomorrow_is_over_in_minutes(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10}, {A: 12}, run_s=0.1)
    loop.push()
    loop.release()
    jump(loop, A_DAY)
    loop.book.faults = ["busy"]
    loop.push()
    assert loop.states() == {"pending": 1}
    jump(loop, -A_DAY)
    loop.push()
    loop.clock.sleep(400)
    loop.push()
    assert loop.states() == {"applied": 1}
    assert loop.book.numbers == {A: 12}


@pytest.mark.parametrize("target", ["erp", "shop"])
def test_a_key_that_was_corrected_tomorrow_is_corrected_today(make_loop: MakeLoop, target: str) -> None:
    loop = make_loop(target, {A: 10}, {A: 12})
    jump(loop, A_DAY)
    loop.push()
    loop.release()
    loop.push()
    assert loop.book.numbers == {A: 12}
    jump(loop, -A_DAY)
    assert future_rows(loop) == 1
    loop.truth[A] = 15
    loop.push()
    assert future_rows(loop) == 0
    assert loop.release().pending == 1
    loop.push()
    assert loop.book.numbers == {A: 15}
    assert loop.states() == {"applied": 2}


def test_no_correction_is_computed_before_its_forerunner_was_read(make_loop: MakeLoop) -> None:
    """The list was read tomorrow: that must not count as read after what is closed today."""
    loop = make_loop("erp", {A: 10}, {A: 12})
    jump(loop, A_DAY)
    loop.push()
    jump(loop, -A_DAY)
    loop.push()
    loop.release()
    client = loop.client()
    assert sending.send_next(loop.publisher, client, loop.policy, loop.clock, "test") is not None
    client.close()
    assert loop.book.numbers == {A: 12}  # applied, and its effect not read yet
    loop.truth[A] = 15
    assert loop.release().pending == 0
    loop.push()
    loop.release()
    loop.push()
    assert loop.book.numbers == {A: 15}
