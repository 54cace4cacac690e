"""Read a target's change list: what it shows now, which corrections took effect, which keys need thought."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import tenacity

from syncline.errors import PartnerUnavailable
from syncline.exceptions import About, open_exception, resolve_exceptions
from syncline.outbox.transitions import lock_outbox, prove_all
from syncline.targets.durations import real

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import ListsChanges, Page
    from syncline.targets.policy import TargetPolicy

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
READ_TRIES = 3
READ_WAIT_MAX_S = 5.0


@dataclass
class ChangesRead:
    """What one reading of the list did. ``complete``: its end was reached."""

    changes: int = 0
    readings: int = 0
    applied: int = 0
    requeued: int = 0
    complete: bool = False
    keys: set[tuple[str, str]] = field(default_factory=set)


def read_changes(
    conn: psycopg.Connection,
    client: ListsChanges,
    policy: TargetPolicy,
    clock: Clock,
    sleep: Callable[[float], None] = time.sleep,
) -> ChangesRead:
    """Read from the stored position to the end of the list, a page a transaction, then queue keys that are not right.

    Raises:
        PartnerUnavailable: the target does not answer; pages read before are kept.
        PartnerContractBroken, ConfigurationError: see the client; the position stays before the page.
    """
    done = ChangesRead()
    for _ in range(policy.pages_max):
        after = _position(conn, policy.target)
        # The instant before the request: whatever the target did by then, and shows by now, is in the answer.
        asked_at = clock.now() - real(clock, policy.lag_s)
        page = _fetch(client, policy, after, sleep)
        if _store(conn, policy, after, page, asked_at, clock.now, done) and not page.has_more:
            done.complete = True
            break
    return done


def _position(conn: psycopg.Connection, target: str) -> int:
    row = conn.execute("select position from ops.target_cursors where target = %s", (target,)).fetchone()
    return int(row[0]) if row else 0


def _fetch(client: ListsChanges, policy: TargetPolicy, after: int, sleep: Callable[[float], None]) -> Page:
    def wait_s(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, PartnerUnavailable) else None
        return min(
            asked_s if asked_s is not None else policy.back_off_s * 2 ** (state.attempt_number - 1), READ_WAIT_MAX_S
        )

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PartnerUnavailable),
        stop=tenacity.stop_after_attempt(READ_TRIES),
        wait=wait_s,
        sleep=sleep,
        reraise=True,
    )
    return retrying(client.changes, after, policy.page_limit)


def _store(
    conn: psycopg.Connection,
    policy: TargetPolicy,
    after: int,
    page: Page,
    asked_at: datetime,
    now: Callable[[], datetime],
    done: ChangesRead,
) -> bool:
    """Store one page; False when another process moved the cursor meanwhile (then this page counts for nothing)."""
    target = policy.target
    with conn.transaction():
        lock_outbox(conn, target)
        # Taken under the lock: a release that began before this page is stored has an earlier instant than the queue's.
        queued_at = now()
        conn.execute("insert into ops.target_cursors values (%s, 0, %s) on conflict do nothing", (target, NEVER))
        row = conn.execute("select position, read_at from ops.target_cursors where target = %s", (target,)).fetchone()
        if row is None or row[0] != after:
            return False
        ours = _settle(conn, policy, page, asked_at, done)
        _store_changes(conn, target, page, ours)
        _store_readings(conn, target, page, ours, asked_at, queued_at, done)
        position = page.changes[-1].position if page.changes else after
        if not page.has_more:
            done.requeued += _judge_closed(conn, target, row[1], asked_at, queued_at)
        conn.execute(
            "update ops.target_cursors set position = %s, read_at = case when %s then greatest(read_at, %s) else "
            "read_at end "
            "where target = %s",
            (position, not page.has_more, asked_at, target),
        )
        return True


def _settle(
    conn: psycopg.Connection, policy: TargetPolicy, page: Page, at: datetime, done: ChangesRead
) -> dict[int, str]:
    """Prove corrections by their reference, with key and quantity. Returns position -> correction id of ours."""
    references = sorted({change.reference for change in page.changes if change.reference})
    if not references:
        return {}
    rows = conn.execute(
        "select correction_id, item, location, quantity from ops.outbox where target = %s and correction_id = any(%s)",
        (policy.target, references),
    ).fetchall()
    known = {row[0]: (row[1], row[2], row[3]) for row in rows}
    ours: dict[int, str] = {}
    for change in page.changes:
        if change.reference is None or change.reference not in known:
            continue
        effect = change.delta if policy.can.writes == "delta" else change.quantity_after
        if known[change.reference] == (change.item, change.location, effect):
            ours[change.position] = change.reference
        else:
            told = f"change {change.position} of {change.item} at {change.location}"
            told += f" (delta {change.delta}, after {change.quantity_after})"
            report_mismatch(conn, policy.target, change.reference, told, at)
    proven = prove_all(conn, sorted(set(ours.values())), at=at)
    done.applied += len(proven)
    settle_all(conn, policy.target, [(reference, *known[reference][:2]) for reference in sorted(proven)], at)
    return ours


def settle_exceptions(
    conn: psycopg.Connection, target: str, item: str, location: str, correction_id: str, at: datetime
) -> None:
    """Proof of effect ends what was asked of a person about this correction and its key."""
    settle_all(conn, target, [(correction_id, item, location)], at)


def settle_all(conn: psycopg.Connection, target: str, proven: Sequence[tuple[str, str, str]], at: datetime) -> None:
    """The same for many. ``proven``: correction id, item, location."""
    asked = [("push.tries", correction_id) for correction_id, _, _ in proven]
    asked += [("push.recompute", f"{target} {item} {location}") for _, item, location in proven]
    resolve_exceptions(conn, asked, at=at)


def report_mismatch(conn: psycopg.Connection, target: str, reference: str, told: str, at: datetime) -> None:
    """The target shows our reference with another key or quantity. ``told``: what it shows, for people."""
    open_exception(
        conn, "push.reference_mismatch", f"{target} {reference}",
        detail=f"{target} shows {told} with our reference, which is another key or quantity. It settles nothing.",
        next_step="Compare the target's entry with ops.outbox of that id; ask the partner who wrote it.", at=at,
        about=About(target=target),
    )  # fmt: skip


def _store_changes(conn: psycopg.Connection, target: str, page: Page, ours: dict[int, str]) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.target_changes (target, position, item, location, kind, delta, quantity_after, "
            "correction_id, "
            "event_key, changed_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    target,
                    c.position,
                    c.item,
                    c.location,
                    c.kind,
                    c.delta,
                    c.quantity_after,
                    ours.get(c.position),
                    c.event_key,
                    c.changed_at,
                )
                for c in page.changes
            ],
        )


def _store_readings(
    conn: psycopg.Connection,
    target: str,
    page: Page,
    ours: dict[int, str],
    asked_at: datetime,
    queued_at: datetime,
    done: ChangesRead,
) -> None:
    """The newest number of each key of the page is one reading, counted on; outside and first ones are queued."""
    newest = {(change.item, change.location): change for change in page.changes}
    outside = {(change.item, change.location) for change in page.changes if change.position not in ours}
    keys = sorted(newest)
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.target_readings
            select %(target)s, %(item)s, %(location)s, coalesce(max(reading_no), 0) + 1,
                   %(quantity)s, %(version)s, %(at)s
            from ops.target_readings where (target, item, location) = (%(target)s, %(item)s, %(location)s)
            """,
            [
                {"target": target, "item": key[0], "location": key[1], "quantity": newest[key].quantity_after,
                 "version": newest[key].version, "at": asked_at}
                for key in keys
            ],
        )  # fmt: skip
        # An own effect alone is what we wanted; anything else may ask for a new number.
        cursor.executemany(
            "insert into ops.correction_queue values (%s, %s, %s, 'outside change', %s) on conflict (target, "
            "item, location) "
            "do update set reason = excluded.reason, queued_at = excluded.queued_at, seen_by = null",
            [(target, *key, queued_at) for key in sorted(outside)],
        )
    done.changes += len(page.changes)
    done.readings += len(keys)
    done.requeued += len(outside)
    done.keys |= set(keys)


# Corrections closed since the last complete reading: is the number right now? Also untried ones that a newer reading
# has overtaken: only a release can replace them.
JUDGE = """
with closed as (
  select distinct target, item, location, false as again from ops.outbox
  where target = %(target)s and tries > 0 and closed_at >= %(before)s
  union
  select distinct o.target, o.item, o.location, true from ops.outbox o
  where o.target = %(target)s and o.state in ('pending', 'held') and o.tries = 0 and o.reading_no <
    (select max(reading_no) from ops.target_readings r
     where (r.target, r.item, r.location) = (o.target, o.item, o.location))
)
insert into ops.correction_queue
select c.target, c.item, c.location,
       case when bool_or(c.again) then 'reading moved' else 'closed' end, %(queued_at)s
from closed c
cross join lateral (select quantity from ops.target_readings r
  where (r.target, r.item, r.location) = (c.target, c.item, c.location) order by reading_no desc limit 1) shown
cross join lateral (select wanted from ops.target_versions v
  where (v.target, v.item, v.location) = (c.target, c.item, c.location) order by version desc limit 1) wanted
where c.again or shown.quantity <> wanted.wanted
group by c.target, c.item, c.location
on conflict (target, item, location) do update set reason = excluded.reason, queued_at = excluded.queued_at,
  seen_by = null
"""
# A correction that was tried and died leaves its key with the reading it was computed from. The list read to its end
# says that the number still stands: that is a new reading, and the next correction has a new id.
READ_AGAIN = """
insert into ops.target_readings
select r.target, r.item, r.location, r.reading_no + 1, r.quantity, r.version, %(at)s
from (select distinct target, item, location from ops.outbox
      where target = %(target)s and state = 'dead' and tries > 0 and closed_at >= %(before)s
        and (reason is null or reason not like 'refused%%')) o
cross join lateral (select * from ops.target_readings r
  where (r.target, r.item, r.location) = (o.target, o.item, o.location) order by reading_no desc limit 1) r
where exists (select from ops.outbox x where (x.target, x.item, x.location) = (r.target, r.item, r.location)
  and x.reading_no = r.reading_no and x.state = 'dead' and x.tries > 0)
"""


def _judge_closed(conn: psycopg.Connection, target: str, before: datetime, at: datetime, queued_at: datetime) -> int:
    values = {"target": target, "before": before, "at": at, "queued_at": queued_at}
    conn.execute(READ_AGAIN, values)
    return conn.execute(JUDGE, values).rowcount
