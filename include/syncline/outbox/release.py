"""Release a batch: candidates become corrections, and the watermark moves, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from syncline.audit.entries import note_dispositions
from syncline.errors import BatchHeld, TerminalError
from syncline.history.published import record_published
from syncline.history.verdicts import record_verdicts
from syncline.outbox.breakers import trip_breakers
from syncline.outbox.exceptions import sync_missing_keys, sync_unconfirmed
from syncline.outbox.identity import correction_id
from syncline.outbox.queue import NO_CANDIDATE, drain, drain_unknown, queue_keys
from syncline.outbox.transitions import hold_for, lock_outbox, transition
from syncline.outbox.trips import covering, trips

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from syncline.registry import Breakers

RELEASED_BY = "released by "  # begins the reason of a row that a person let go; policy does not hold it again
LET_GO_BY = "let go by "  # the same for a whole trip: no breaker holds it again, a reason of its own does

# A reason that asks for a person: a later batch in which the rule is silent proves nothing about it.
UNCOMPARED = "set without compare"
SHADOW = "shadow"  # computed and recorded, not sent: the subscription says so (ADR 0025)
NO_REFERENCE = "no reference"  # the push alone knows whether a correction can be said to its target (ADR 0021)
FOR_A_PERSON = {"above tolerance", UNCOMPARED}


@dataclass
class Released:
    """What a release wrote. ``already``: the batch had been released before and nothing was touched."""

    batch_id: int
    already: bool = False
    versions: int = 0
    pending: int = 0
    held: int = 0
    superseded: int = 0
    drained: int = 0
    requeued: int = 0
    tripped: int = 0
    targets: list[str] = field(default_factory=list)


CANDIDATES = """
select c.batch_id, c.target, c.item, c.location, c.wanted, c.shown, c.reading_no, c.expected_version, c.delta, c.kind,
       c.unit_value, c.event, c.fact_id, c.is_shadow,
       coalesce(c.hold_reason, (select string_agg(h.reason, ', ' order by h.reason) from ops.gate_held h
          where h.batch_id = c.batch_id
            and (h.target, h.item, h.location) = (c.target, c.item, c.location))) as hold_reason,
       v.version, v.wanted as version_wanted,
       r.reading_no as newest_reading,
       o.correction_id as open_id, o.state as open_state, o.tries as open_tries, o.to_version as open_version,
       o.reading_no as open_reading, o.reason as open_reason,
       -- nothing in flight: the list was read to its end, or the key looked at, after the last tried one closed
       coalesce(greatest(k.read_at, n.looked_at) >= (select max(x.closed_at) from ops.outbox x where x.tries > 0
          and (x.target, x.item, x.location) = (c.target, c.item, c.location)), true) as is_quiet
from canonical.candidate_corrections c
left join lateral (select version, wanted from ops.target_versions t
   where (t.target, t.item, t.location) = (c.target, c.item, c.location) order by version desc limit 1) v on true
left join lateral (select reading_no from ops.target_readings t
   where (t.target, t.item, t.location) = (c.target, c.item, c.location) order by reading_no desc limit 1) r on true
left join ops.outbox o on (o.target, o.item, o.location) = (c.target, c.item, c.location)
   and o.state in ('pending', 'held', 'sent', 'unknown', 'rejected')
left join ops.target_cursors k on k.target = c.target
left join ops.target_keys n on (n.target, n.item, n.location) = (c.target, c.item, c.location)
order by c.target, c.item, c.location
"""


def release(
    conn: psycopg.Connection, batch_id: int, now: datetime, breakers: Mapping[str, Breakers] | None = None
) -> Released:
    """Write versions and corrections of ``batch_id`` and move the watermark. Idempotent.

    Args:
        conn: role publisher, autocommit.
        now: instant in the product's clock; becomes ``released_as_of``.
        breakers: target -> bounds on what may change at once; the registry's defaults where a target has none.

    Raises:
        BatchHeld: the gate holds the batch.
        TerminalError: no such batch, the gate has not checked it, or the candidates are another batch's.
    """
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        batch = cursor.execute(
            "select state, as_of from ops.batches where batch_id = %s for update", (batch_id,)
        ).fetchone()
        if batch is not None and batch["state"] == "released":
            return Released(batch_id, already=True)
        if batch is None:
            raise TerminalError(
                f"Batch {batch_id} does not exist.", next_step="Run resolve: it opens the batch.", batch_id=batch_id
            )
        _refuse_unchecked(conn, batch_id, batch["state"])
        done = Released(batch_id)
        for (target,) in conn.execute(
            "select target from canonical.candidate_corrections union select target from ops.target_cursors order by 1"
        ).fetchall():
            lock_outbox(conn, target)
            done.targets.append(target)
        rows = cursor.execute(CANDIDATES).fetchall()
        if any(row["batch_id"] != batch_id for row in rows):
            raise TerminalError(
                f"canonical.candidate_corrections does not hold batch {batch_id}.",
                next_step="Clear the build task: the candidates are rebuilt for the batch in flight.",
                batch_id=batch_id,
            )
        for row in rows:
            _move_version(conn, row, now, done)
        done.tripped = _ask_breakers(conn, batch_id, rows, breakers or {}, now)
        for row in rows:
            _follow_policy(conn, row, now)
            _write(conn, row, now, done)
        done.superseded += _give_up_unwanted(conn, batch_id, now)
        done.drained = drain(conn, batch["as_of"]) + drain_unknown(conn, batch_id)
        sync_missing_keys(conn, batch_id, at=now)
        sync_unconfirmed(conn, batch_id, at=now)
        record_published(conn, batch_id)
        note_dispositions(conn, batch_id)
        record_verdicts(conn, batch_id)
        moved = [(row["target"], row["item"], row["location"]) for row in rows if row["requeue"]]
        queue_keys(conn, moved, "reading moved", now)
        done.requeued = len(moved)
        conn.execute(
            "update ops.batches set state = 'released', released_at = clock_timestamp(), released_as_of = %s, "
            "corrections = %s, note = null where batch_id = %s",
            (now, done.pending + done.held, batch_id),
        )
    return done


def _refuse_unchecked(conn: psycopg.Connection, batch_id: int, state: str) -> None:
    checks = conn.execute(
        "select count(*), coalesce(bool_or(not success and severity = 'critical'), false) from ops.gate_results "
        "where batch_id = %s",
        (batch_id,),
    ).fetchone()
    assert checks is not None
    if state == "held" or checks[1]:
        raise BatchHeld(
            f"Batch {batch_id} is held by the gate.",
            next_step="Read ops.gate_results of the batch, remove the cause, clear the build and gate tasks.",
            batch_id=batch_id,
        )
    if checks[0] == 0:
        raise TerminalError(
            f"Batch {batch_id} was not checked by the gate.", next_step="Run the gate task first.", batch_id=batch_id
        )


def _move_version(conn: psycopg.Connection, row: dict[str, Any], now: datetime, done: Released) -> None:
    """Count the wanted number, let an outdated correction give way, and work out the one to write, if any."""
    key = (row["target"], row["item"], row["location"])
    version = row["version"] or 0
    if row["version"] is None or row["version_wanted"] != row["wanted"]:
        version += 1
        conn.execute(
            "insert into ops.target_versions values (%s, %s, %s, %s, %s, %s)",
            (*key, version, row["wanted"], row["batch_id"]),
        )
        done.versions += 1
    is_open = row["open_id"] is not None
    is_current = row["reading_no"] is not None and row["reading_no"] == row["newest_reading"]
    if (
        is_open
        and row["open_tries"] == 0
        and (row["open_version"] != version or row["open_reading"] != row["newest_reading"])
    ):
        # Untried, so nothing of it can be in flight: out of date by version, or by a reading, it gives way.
        is_open = not transition(conn, row["open_id"], row["open_state"], "dead", at=now, reason="superseded")
        done.superseded += not is_open
    row["follows"] = is_open and row["open_tries"] == 0 and is_current
    row["requeue"] = not is_open and row["reading_no"] != row["newest_reading"]
    row["new_id"] = None
    if is_open or row["delta"] in (None, 0) or not is_current or not row["is_quiet"] or _is_unconfirmed(row):
        return
    row["to_version"] = version
    row["quantity"] = row["delta"] if row["kind"] == "delta" else row["wanted"]
    row["new_id"] = correction_id(*key, version, row["reading_no"], row["quantity"], row["kind"])


def _give_up_unwanted(conn: psycopg.Connection, batch_id: int, now: datetime) -> int:
    """Untried corrections of keys that ``drain_unknown`` takes off the queue: nobody subscribes to their number."""
    rows = conn.execute(
        f"""
        select o.correction_id, o.state
        from ops.correction_queue q inner join ops.outbox o using (target, item, location)
        where o.state in ('pending', 'held') and o.tries = 0 and q.seen_by < %s and {NO_CANDIDATE}
        order by o.correction_id
        """.encode(),
        (batch_id,),
    ).fetchall()
    return sum(transition(conn, each, state, "dead", at=now, reason="superseded") for each, state in rows)


def _is_unconfirmed(row: dict[str, Any]) -> bool:
    """Books follow the floor, and so does every delta: the database refuses one without the fact it follows."""
    return row["fact_id"] is None and (row["event"] == "books" or row["kind"] == "delta")


def _ask_breakers(
    conn: psycopg.Connection, batch_id: int, rows: list[dict[str, Any]], breakers: Mapping[str, Breakers], now: datetime
) -> int:
    """Give each row the reason of the trip that covers it, after measuring what no open trip covers; new trips."""
    new = [row["new_id"] for row in rows if row["new_id"]]
    # Written before and dead since: refused or denied. It stays dead until version or reading move, and counts nowhere.
    found = conn.execute("select correction_id from ops.outbox where correction_id = any(%s)", (new,)).fetchall()
    known = {correction for (correction,) in found}
    standing = trips(conn)
    would_flow = [
        row
        for row in rows
        if row["new_id"] not in (None, *known)
        and not row["hold_reason"]
        and not row["is_shadow"]
        and covering(standing, row["target"], row["location"]) is None
    ]
    opened = trip_breakers(conn, batch_id, would_flow, breakers, now)
    for row in rows:
        trip = covering([*standing, *opened], row["target"], row["location"])
        row["breaker"] = trip.reason if trip else None
    return len(opened)


def _reason(row: dict[str, Any]) -> str | None:
    """Why a correction waits. In shadow nothing else counts: whoever lets go another reason must not send it."""
    return SHADOW if row["is_shadow"] else row["hold_reason"] or row["breaker"]


def _write(conn: psycopg.Connection, row: dict[str, Any], now: datetime, done: Released) -> None:
    if row["new_id"] is None:
        return
    reason = _reason(row)
    state = "held" if reason else "pending"
    body = (
        row["new_id"], row["target"], row["item"], row["location"], row["to_version"], row["reading_no"], row["kind"],
        row["wanted"], row["shown"], row["quantity"], row["expected_version"], state, reason, row["batch_id"], now, now,
        row["event"], row["fact_id"],
    )  # fmt: skip
    written = conn.execute(
        """
        insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown,
                                quantity, expected_version, state, reason, batch_id, created_at, changed_at,
                                event, fact_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (correction_id) do nothing
        """,
        body,
    ).rowcount
    # Not written: the same correction was refused or denied before. It stays dead until version or reading move.
    done.pending += written if state == "pending" else 0
    done.held += written if state == "held" else 0


def _follow_policy(conn: psycopg.Connection, row: dict[str, Any], now: datetime) -> None:
    """An open, untried, current row is held when policy says so now, and let go when it no longer does."""
    if not row["follows"]:
        return
    was = row["open_reason"] or ""
    reason = _reason(row)
    if row["open_state"] == "held":
        if was == NO_REFERENCE or (set(was.split(", ")) & FOR_A_PERSON and reason != SHADOW):
            return
        if not reason:
            transition(conn, row["open_id"], "held", "pending", at=now)
        elif reason != was:
            # The reason says who may let it go: a trip's release must not take along what has another cause by now.
            hold_for(conn, row["open_id"], reason, at=now)
        return
    decided = was.startswith(RELEASED_BY) or (was.startswith(LET_GO_BY) and not row["hold_reason"])
    if row["open_state"] == "pending" and reason and (reason == SHADOW or not decided):
        transition(conn, row["open_id"], "pending", "held", at=now, reason=reason)
