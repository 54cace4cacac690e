"""Take the next bundle of a subscriber under a lease, and write down what became of it."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING, Any

from syncline.notices.event import Bundle, Event
from syncline.notices.troubles import note_dead, note_gone, note_pause, note_taken
from syncline.targets.durations import real

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.notices.channel import SubscriberPolicy
    from syncline.notices.event import Outcome

# Never sent, and nothing of its subject is under way or waits for another try: order is kept within a subject.
# `not in` and not `not exists`: it is hashed whatever the statistics say of a table that changes by the second.
_NEW = """
select d.position, d.event_id from ops.deliveries d
where d.subscriber = %(name)s and d.state = 'waiting' and d.bundle is null and d.subject not in (
  select o.subject from ops.deliveries o
  where o.subscriber = %(name)s and o.state in ('waiting', 'sent') and o.bundle is not null)
order by d.position limit %(most)s
"""
_AGAIN = """
select d.bundle from ops.deliveries d
where d.subscriber = %(name)s and d.state = 'waiting' and d.bundle is not null
  and (d.not_before is null or d.not_before <= %(at)s)
order by d.tries, d.position limit 1
"""
_EVENTS = """
select d.position, e.event_id, e.kind, e.subject, e.correlation, e.payload, e.occurred_at
from ops.deliveries d join ops.events e using (event_id)
where d.subscriber = %(name)s and d.state = 'waiting' and d.position = any(%(positions)s) order by d.position
"""


def claim(
    conn: psycopg.Connection, policy: SubscriberPolicy, clock: Clock, worker: str, *, again: bool
) -> Bundle | None:
    """The next bundle, leased to ``worker``; None when nothing is due, or the subscriber is paused or stopped.

    Args:
        again: a bundle that was tried before; otherwise one of events that never were.
    """
    at = clock.now()
    with conn.transaction():
        # One claim of a subscriber at a time: two would each take an event of the same subject.
        cursor = conn.execute(
            "select paused_until, stopped from ops.subscriber_cursors where subscriber = %s for update", (policy.name,)
        ).fetchone()
        if cursor is None or cursor[1] is not None or (cursor[0] is not None and cursor[0] > at):
            return None
        _expire(conn, policy, at)
        events = _tried(conn, policy, at) if again else _new(conn, policy)
        if not events:
            return None
        return _lease(conn, policy, clock, worker, events, at)


def _expire(conn: psycopg.Connection, policy: SubscriberPolicy, at: datetime) -> None:
    """What a worker took and never settled waits again: whether it arrived is not known, so it is repeated."""
    conn.execute(
        "update ops.deliveries set state = 'waiting', lease_until = null, lease_holder = null, changed_at = %(at)s, "
        "told = 'its worker was lost' where subscriber = %(name)s and state = 'sent' and lease_until < %(at)s",
        {"name": policy.name, "at": at},
    )


def _new(conn: psycopg.Connection, policy: SubscriberPolicy) -> list[Event]:
    rows = conn.execute(_NEW, {"name": policy.name, "most": policy.events_max}).fetchall()
    events = _events(conn, policy, [row[0] for row in rows])
    if policy.by_day and events:
        days = [event.occurred_at.date() for event in events]
        # Up to the first of another day: order is kept, and a file belongs to one day.
        other = next((place for place, day in enumerate(days) if day != days[0]), len(days))
        return events[:other]
    return events


def _tried(conn: psycopg.Connection, policy: SubscriberPolicy, at: datetime) -> list[Event]:
    row = conn.execute(_AGAIN, {"name": policy.name, "at": at}).fetchone()
    if row is None:
        return []
    members = conn.execute(
        "select position from ops.deliveries where subscriber = %s and bundle = %s and state = 'waiting'",
        (policy.name, row[0]),
    ).fetchall()
    return _events(conn, policy, [member[0] for member in members])


def _events(conn: psycopg.Connection, policy: SubscriberPolicy, positions: list[int]) -> list[Event]:
    rows = conn.execute(_EVENTS, {"name": policy.name, "positions": positions}).fetchall()
    return [_event(*row) for row in rows]


def _event(
    position: int, event_id: str, kind: str, subject: str, correlation: str, payload: dict[str, Any], at: datetime
) -> Event:
    # A file's day is a day of UTC, whatever the session's zone.
    return Event(position, event_id, kind, subject, correlation, payload, at.astimezone(UTC))


def bundle_id(events: list[Event]) -> str:
    """An event's own id, or a hash of the ids of several: the same events are the same bundle."""
    if len(events) == 1:
        return events[0].event_id
    return hashlib.sha256("|".join(event.event_id for event in events).encode()).hexdigest()


def _lease(
    conn: psycopg.Connection, policy: SubscriberPolicy, clock: Clock, worker: str, events: list[Event], at: datetime
) -> Bundle:
    """Committed before the first byte goes out."""
    bundle = bundle_id(events)
    row = conn.execute(
        "with taken as (update ops.deliveries set state = 'sent', bundle = %(bundle)s, tries = tries + 1, "
        "first_tried_at = coalesce(first_tried_at, %(at)s), not_before = null, lease_until = %(until)s, "
        "lease_holder = %(worker)s, changed_at = %(at)s "
        "where subscriber = %(name)s and position = any(%(positions)s) returning tries) select max(tries) from taken",
        {
            "name": policy.name, "bundle": bundle, "at": at, "until": at + real(clock, policy.lease_s),
            "worker": worker, "positions": [event.position for event in events],
        },
    ).fetchone()  # fmt: skip
    assert row is not None
    return Bundle(bundle, tuple(events), int(row[0]))


def settle(
    conn: psycopg.Connection, policy: SubscriberPolicy, clock: Clock, worker: str, bundle: Bundle, outcome: Outcome
) -> bool:
    """Write down what a try came to, once; False when the lease went to somebody else meanwhile.

    A delivery is dead after ``tries_max`` tries that were refused; of failed ones only when the subscriber took
    something else since: a receiver that is down for a week makes no dead letters.
    """
    at = clock.now()
    with conn.transaction():
        cursor = conn.execute(
            "select delivered_at from ops.subscriber_cursors where subscriber = %s for update", (policy.name,)
        ).fetchone()
        mine = conn.execute(
            "select min(first_tried_at) from ops.deliveries where subscriber = %s and bundle = %s and state = 'sent' "
            "and lease_holder = %s and tries = %s",
            (policy.name, bundle.bundle_id, worker, bundle.try_no),
        ).fetchone()
        if cursor is None or mine is None or mine[0] is None:
            return False
        others_flow = cursor[0] is not None and cursor[0] > mine[0]
        state = _state(policy, bundle, outcome, others_flow)
        wait = real(clock, policy.pause_s(bundle.try_no, outcome.retry_after_s))
        conn.execute(
            "update ops.deliveries set state = %(state)s, lease_until = null, lease_holder = null, told = %(told)s, "
            "status_code = %(code)s, changed_at = %(at)s, not_before = %(due)s "
            "where subscriber = %(name)s and bundle = %(bundle)s and state = 'sent' and lease_holder = %(worker)s",
            {
                "state": state, "told": outcome.told[:300], "code": outcome.status_code, "at": at,
                "due": at + wait if state == "waiting" else None, "name": policy.name,
                "bundle": bundle.bundle_id, "worker": worker,
            },
        )  # fmt: skip
        if state == "delivered":
            note_taken(conn, policy.name, at)
        elif state == "dead":
            note_dead(conn, policy.name, bundle, outcome, at)
        if outcome.verdict == "gone":
            note_gone(conn, policy.name, outcome, at)
    return True


def _state(policy: SubscriberPolicy, bundle: Bundle, outcome: Outcome, others_flow: bool) -> str:
    if outcome.verdict == "delivered":
        return "delivered"
    counts = outcome.verdict == "refused" or (outcome.verdict == "failed" and others_flow)
    return "dead" if counts and bundle.try_no >= policy.tries_max else "waiting"


def pause(conn: psycopg.Connection, policy: SubscriberPolicy, clock: Clock, outcome: Outcome) -> None:
    """Leave the whole subscriber alone for a while, longer with every run that it ended."""
    at = clock.now()
    with conn.transaction():
        row = conn.execute(
            "update ops.subscriber_cursors set failures = failures + 1 where subscriber = %s returning failures",
            (policy.name,),
        ).fetchone()
        assert row is not None
        until = at + real(clock, policy.pause_s(row[0], outcome.retry_after_s))
        conn.execute("update ops.subscriber_cursors set paused_until = %s where subscriber = %s", (until, policy.name))
        note_pause(conn, policy.name, outcome, at)
