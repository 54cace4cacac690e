"""A short pick with a substitute reaches its receivers, each thing once, whatever is cleared, killed or rebuilt."""

from __future__ import annotations

import threading
from contextlib import suppress

import psycopg
import pytest
from tests.loops.conftest import ORDER, SUBSTITUTE, Loops, released, shipped
from tests.notices.conftest import Deliver, Receiver
from tests.resolve.lane import at, counted

from syncline import resolve
from syncline.errors import RetryableError
from syncline.loops import Told, tell
from syncline.notices.channel import SubscriberPolicy
from syncline.notices.webhook import Webhook
from syncline.resolve.build import BUILD_LOCK
from syncline.warehouse.connect import connect_dsn

SHORT = ["billing.adjust", "order.back_ordered", "order.short", "order.status", "order.substituted"]


def short_pick(loops: Loops) -> None:
    """10 are released; 7 and 2 of another item leave, final: 1 is on back order (semantics §10, G6)."""
    loops.tell(1, counted(1, 0, 100), counted(2, 0, 50)._replace(item_ref=SUBSTITUTE), released(3, 1, 10))
    assert loops.batch(2)
    loops.tell(
        10, shipped(4, 9, 7), shipped(5, 9, 2, item_ref=SUBSTITUTE, line_key="E-5/1", event_key="T-5/1", is_final=True)
    )
    assert loops.batch(11)


def rebuild(loops: Loops) -> None:
    with connect_dsn(loops.dsn("transformer")) as transformer:
        resolve.rebuild(transformer, loops.dsn("transformer"), loops.target)


def test_a_short_pick_with_a_substitute_is_told_once_to_each(
    loops: Loops, receiver: Receiver, webhook: Webhook, deliver: Deliver
) -> None:
    policies = [SubscriberPolicy(name, from_start=True, run_s=600.0) for name in ("service", "billing", "shop")]
    short_pick(loops)
    assert loops.rows("select kind, state, expected, happened, substituted, missing from marts.fct_loops") == [
        ("short_pick", "waiting", 10, 7, 2, 1)
    ]
    assert loops.tell_loops(12) == Told(first=5)
    assert [notice for notice, *_ in loops.notices()] == SHORT

    for _ in range(2):  # the second time: the task was cleared
        for policy in policies:
            deliver(policy, webhook)
        assert loops.tell_loops(13) == Told()
    told = {event["type"].removeprefix("syncline."): event["data"] for event in receiver.events}
    assert sorted(event["type"] for event in receiver.events) == [
        "syncline.billing.adjust", "syncline.order.short", "syncline.order.status",
    ]  # fmt: skip
    assert told["order.status"]["status"] == "back-ordered"
    assert told["billing.adjust"]["substitutes"] == [{"item": SUBSTITUTE, "quantity": 2}]
    assert {event["subject"] for event in receiver.events} == {f"order/{ORDER}"}

    rebuild(loops)
    assert loops.tell_loops(14) == Told()
    for policy in policies:
        deliver(policy, webhook)
    assert len(receiver.ids) == len(set(receiver.ids)) == 3


def test_a_later_revision_tells_the_change_and_a_whole_one_takes_it_back(loops: Loops) -> None:
    short_pick(loops)
    loops.tell_loops(12)
    loops.tell(20, shipped(6, 19, 6, line_key="E-4/1", event_key="T-4/1", revision=2))
    assert loops.batch(21)
    assert loops.tell_loops(22) == Told(changed=5)
    assert ("order.short", 2, "2", False) in loops.notices()

    loops.tell(30, shipped(7, 29, 8, line_key="E-4/1", event_key="T-4/1", revision=3))
    assert loops.batch(31)
    # Nothing is short any more; that another item went is still so.
    assert loops.tell_loops(32) == Told(changed=3, withdrawn=2)
    last = {notice: withdrawn for notice, _, _, withdrawn in loops.notices()}
    assert last == {
        "billing.adjust": False, "order.back_ordered": True, "order.short": True, "order.status": False,
        "order.substituted": False,
    }  # fmt: skip
    assert loops.tell_loops(33) == Told()


def test_what_was_picked_after_the_order_was_cancelled_is_asked_back(loops: Loops) -> None:
    loops.tell(1, counted(1, 0, 100), released(2, 1, 10))
    assert loops.batch(2)
    loops.tell(5, released(3, 4, 0, line_key="R-2/1", revision=2, cancel=True), shipped(4, 4.5, 3))
    assert loops.batch(6)
    assert loops.rows("select kind, state, expected, happened from marts.fct_loops") == [
        ("cancelled_after_pick", "waiting", 0, 3)
    ]
    assert loops.tell_loops(7) == Told(first=3)
    status = loops.rows("select payload ->> 'status' from ops.loop_notices where notice = 'order.status'")
    assert status == [("cancelled",)]


def test_killed_before_the_commit_nothing_is_told_and_the_next_one_tells_all(
    loops: Loops, warehouse: psycopg.Connection
) -> None:
    short_pick(loops)
    with connect_dsn(loops.dsn("transformer")) as transformer:
        # The events are written by then, inside the transaction.
        killed = tell_and_die(transformer, warehouse)
    assert killed
    assert loops.notices() == []
    assert warehouse.execute("select count(*) from ops.events where kind like 'order.%%'").fetchone() == (0,)
    assert loops.tell_loops(13) == Told(first=5)


def tell_and_die(transformer: psycopg.Connection, owner: psycopg.Connection) -> bool:
    pid = transformer.info.backend_pid
    with pytest.raises(psycopg.OperationalError), transformer.transaction():  # noqa: PT012
        assert tell(transformer, at(12)) == Told(first=5)
        owner.execute("select pg_terminate_backend(%s)", (pid,))
        transformer.execute("select 1")
    return transformer.broken


def test_two_at_once_tell_once_and_a_build_that_runs_is_waited_for(loops: Loops) -> None:
    short_pick(loops)
    told: list[Told] = []

    def run() -> None:
        with suppress(RetryableError):  # the other one holds the build lock: Airflow would try again
            told.append(loops.tell_loops(12))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    told.append(loops.tell_loops(13))
    assert sum(each.first for each in told) == 5
    assert [number for _, number, *_ in loops.notices()] == [1] * 5
    with connect_dsn(loops.dsn("transformer")) as other:
        other.execute("select pg_advisory_lock(%s)", (BUILD_LOCK,))
        with pytest.raises(RetryableError, match="A build is under way"):
            loops.tell_loops(14)
