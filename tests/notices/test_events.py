"""What happens is an event, once; its order has no gap and loses nothing that commits late."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from tests.notices.conftest import T0, Deliver, Hand, Happenings, add_correction, move_correction

from syncline.exceptions import open_exception, resolve_exception
from syncline.notices.channel import SubscriberPolicy
from syncline.notices.event import Bundle, Event, Outcome
from syncline.warehouse.connect import connect_dsn

ALL = SubscriberPolicy("lake", events_max=50, from_start=True, run_s=600.0)
SEED = 20261102


class Kept:
    """A channel that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def deliver(self, bundle: Bundle) -> Outcome:
        self.events.extend(bundle.events)
        return Outcome("delivered", "kept")

    def close(self) -> None:
        """Nothing."""


def kinds(happenings: Happenings) -> list[tuple[str, str]]:
    return [
        (str(kind), str(correlation))
        for kind, correlation in happenings.rows(
            "select kind, correlation from ops.events e join ops.unnumbered_events u using (event_id) order by entry_no"
        )
    ]


def test_each_change_of_a_correction_that_matters_is_one_event(happenings: Happenings) -> None:
    held = happenings.correction("A", state="held")
    happenings.move(held, "pending", "sent", "unknown", "held", reason="escalated")
    happenings.move(held, "dead", reason="denied")
    happenings.move(held, "applied")
    names = ["held", "escalated", "dead", "applied"]
    assert kinds(happenings) == [(f"correction.{name}", "correction:c1") for name in names]


def test_breakers_and_exceptions_are_told_when_they_open_and_close(happenings: Happenings) -> None:
    owner = happenings.owner
    owner.execute(
        "insert into ops.breaker_trips (rule, target, batch_id, measured, bound, detail, state, opened_at) "
        "values ('keys', 'erp', 1, 10, 5, 'too many', 'open', %s)",
        (T0,),
    )
    owner.execute("update ops.breaker_trips set asked_by = 'run'")
    owner.execute("update ops.breaker_trips set state = 'released', decided_at = %s, decided_by = 'ann'", (T0,))
    for _ in range(2):
        open_exception(owner, "discrepancy", "A/DC1", detail="d", next_step="n", at=T0)
    resolve_exception(owner, "discrepancy", "A/DC1", at=T0 + timedelta(hours=1))
    assert kinds(happenings) == [
        ("breaker.tripped", "trip:1"), ("breaker.closed", "trip:1"),
        ("exception.opened", "exception:1"), ("exception.resolved", "exception:1"),
    ]  # fmt: skip
    assert happenings.rows("select occurred_at from ops.events where kind = 'exception.resolved'") == [
        (T0 + timedelta(hours=1),)
    ]


def test_what_is_rolled_back_was_never_told(happenings: Happenings) -> None:
    with happenings.owner.transaction(force_rollback=True):
        happenings.apply("A")
    assert happenings.rows("select count(*) from ops.events") == [(0,)]


def test_the_same_history_has_the_same_ids(happenings: Happenings) -> None:
    """Known by heart: an id that changes makes a receiver take everything again."""
    happenings.apply("A")
    assert happenings.rows(
        "select event_id = encode(sha256('correction.applied|correction:c1|3'::bytea), 'hex') from ops.events"
    ) == [(True,)]


def test_the_log_is_never_changed(happenings: Happenings) -> None:
    happenings.apply("A")
    for statement in ("update ops.events set kind = 'x'", "delete from ops.events", "truncate ops.events cascade"):
        with pytest.raises(psycopg.errors.DatabaseError):
            happenings.owner.execute(statement.encode())


def test_a_delivery_only_moves_as_the_table_says(happenings: Happenings, deliver: Deliver) -> None:
    happenings.subscribe("lake")
    happenings.apply("A")
    deliver(ALL, Kept())
    for state in ("waiting", "dead", "shadow"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            happenings.owner.execute("update ops.deliveries set state = %s", (state,))


def test_what_commits_late_comes_later_and_is_not_lost(
    happenings: Happenings, deliver: Deliver, warehouse_dsn: Callable[[str], str]
) -> None:
    """| late: begins, writes A | quick: writes B, commits | run: B | late: commits | run: A |"""
    happenings.subscribe("lake")
    kept = Kept()
    with connect_dsn(warehouse_dsn("owner")) as late:
        with late.transaction():
            move_correction(late, add_correction(late, "late", "A", "DC1", "pending", "erp", 99), "sent", "applied")
            happenings.apply("B")
            deliver(ALL, kept)
            # Not held up by the transaction that is open, however long it lasts.
            assert [event.subject for event in kept.events] == ["erp/B/DC1"]
        deliver(ALL, kept)
    assert [event.subject for event in kept.events] == ["erp/B/DC1", "erp/A/DC1"]
    assert [event.position for event in kept.events] == [1, 2]


def test_a_transaction_that_began_earlier_keeps_the_order_of_its_subject(
    happenings: Happenings, deliver: Deliver, warehouse_dsn: Callable[[str], str]
) -> None:
    """By transaction id the second change would come first: the id is drawn before the lock is."""
    happenings.subscribe("lake")
    correction = happenings.correction("A", state="held")
    happenings.move(correction, "pending", "sent", "unknown")
    kept = Kept()
    deliver(ALL, kept)
    with connect_dsn(warehouse_dsn("owner")) as early, early.transaction():
        early.execute("select pg_current_xact_id()")
        happenings.move(correction, "held")  # a later transaction, and it commits first
        move_correction(early, correction, "dead")
    deliver(ALL, kept)
    assert [event.kind for event in kept.events[1:]] == ["correction.escalated", "correction.dead"]


def test_a_hundred_writers_lose_no_event(
    happenings: Happenings, deliver: Deliver, warehouse_dsn: Callable[[str], str]
) -> None:
    """A hundred connections at once, with pauses inside their transactions; a consumer runs meanwhile."""
    happenings.subscribe("lake")
    dsn, writers, each_makes = warehouse_dsn("owner"), 100, 5
    faults: list[psycopg.Error] = []

    def write(number: int) -> None:
        chance = random.Random(SEED + number)
        try:
            with connect_dsn(dsn) as conn:
                for turn in range(each_makes):
                    with conn.transaction():
                        item = f"item-{chance.randrange(10)}"
                        name = f"w{number}-{turn}"
                        version = 1_000 + number * each_makes + turn
                        # Another target for each: one key has one open correction.
                        add_correction(conn, name, item, "DC1", "held", f"t{number}", version)
                        conn.execute("select pg_sleep(%s)", (chance.random() / 50,))
                        move_correction(conn, name, "dead", reason="denied")
        except psycopg.Error as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=[number]) for number in range(writers)]
    for thread in threads:
        thread.start()
    kept = Kept()
    while any(thread.is_alive() for thread in threads):
        deliver(ALL, kept)
    deliver(ALL, kept)
    assert faults == [], f"seed {SEED}"

    assert len(kept.events) == writers * each_makes * 2, f"seed {SEED}"
    assert len({event.event_id for event in kept.events}) == len(kept.events)
    assert {event.event_id for event in kept.events} == {
        row[0] for row in happenings.rows("select event_id from ops.events")
    }
    positions = [event.position for event in kept.events]
    assert sorted(positions) == list(range(1, len(positions) + 1)), "the order has a gap"
    by_correction: dict[str, list[str]] = {}
    for event in kept.events:
        by_correction.setdefault(event.correlation, []).append(event.kind)
    assert all(told == ["correction.held", "correction.dead"] for told in by_correction.values())


def test_a_new_subscriber_begins_now_or_at_the_start(happenings: Happenings, deliver: Deliver) -> None:
    for name in ("lake", "mail"):
        happenings.subscribe(name)
    happenings.apply("A")
    early, late = Kept(), Kept()
    deliver(SubscriberPolicy("mail"), late)
    deliver(ALL, early)
    assert (len(early.events), len(late.events)) == (1, 0)
    happenings.apply("B")
    deliver(SubscriberPolicy("mail"), late)
    assert [event.subject for event in late.events] == ["erp/B/DC1"]


class Refuses(Kept):
    """Fails so many times, and keeps what it was shown each time."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.bundles: list[Bundle] = []

    def deliver(self, bundle: Bundle) -> Outcome:
        self.bundles.append(bundle)
        self.times -= 1
        return Outcome("failed", "not now") if self.times >= 0 else Outcome("delivered", "kept")


def test_a_repeated_digest_is_the_same_one_whatever_came_since(
    happenings: Happenings, deliver: Deliver, clock: Hand
) -> None:
    """Otherwise its Message-ID would change, and a receiver could not drop the repeat."""
    happenings.subscribe("lake")
    happenings.apply("A")
    happenings.apply("B")
    channel = Refuses(1)
    deliver(ALL, channel)
    happenings.apply("A")
    happenings.apply("C")
    clock.move(60)
    deliver(ALL, channel)
    first, *others = channel.bundles
    assert [event.subject for event in first.events] == ["erp/A/DC1", "erp/B/DC1"]
    again = [bundle for bundle in others if bundle.bundle_id == first.bundle_id]
    assert [bundle.events for bundle in again] == [first.events]
    told = [event.position for bundle in others for event in bundle.events if event.subject == "erp/A/DC1"]
    assert told == sorted(told), "the repeat was overtaken"
    assert happenings.states("lake") == {"delivered": 4}


def test_a_file_holds_the_events_of_one_day(happenings: Happenings, deliver: Deliver) -> None:
    happenings.subscribe("lake")
    for hours in (0, 1, 14, 15, 2):
        subject = f"key-{hours}"
        open_exception(happenings.owner, "x", subject, detail="", next_step="", at=T0 + timedelta(hours=hours))
    channel = Refuses(0)
    deliver(SubscriberPolicy("lake", events_max=50, by_day=True, from_start=True), channel)
    days = [[event.occurred_at.day for event in bundle.events] for bundle in channel.bundles]
    assert days == [[2, 2], [3, 3], [2]]


def test_a_long_log_is_planned_whole(happenings: Happenings, deliver: Deliver) -> None:
    """Beyond 32,767 positions: psycopg sends a small number as a smallint, and a sum of two of them overflowed."""
    happenings.subscribe("lake")
    happenings.owner.execute(
        "select count(ops.add_event('exception.opened', 'exception:' || n, 1, 's/' || n, null, null, null, '{}', %s)) "
        "from generate_series(1, 35000) n",
        (T0,),
    )
    kept = Kept()
    deliver(SubscriberPolicy("lake", events_max=5_000, from_start=True, run_s=600.0), kept)
    assert [event.position for event in kept.events] == list(range(1, 35_001))
