"""Release a batch: candidates become corrections, and the watermark moves, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from syncline.errors import BatchHeld, TerminalError
from syncline.outbox.exceptions import sync_missing_keys
from syncline.outbox.identity import correction_id
from syncline.outbox.transitions import lock_outbox, transition

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

RELEASED_BY = "released by "  # begins the reason of a row that a person let go; policy does not hold it again

# Reasons that ask for a person: a later batch in which the rule is silent proves nothing about these.
FOR_A_PERSON = {"above tolerance", "mass zero"}


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
    targets: list[str] = field(default_factory=list)


CANDIDATES = """
select c.batch_id, c.target, c.item, c.location, c.wanted, c.shown, c.reading_no, c.expected_version, c.delta, c.kind,
       coalesce(c.hold_reason, (select string_agg(h.reason, ', ' order by h.reason) from ops.gate_held h
          where h.batch_id = c.batch_id
            and (h.target, h.item, h.location) = (c.target, c.item, c.location))) as hold_reason,
       v.version, v.wanted as version_wanted,
       r.reading_no as newest_reading,
       o.correction_id as open_id, o.state as open_state, o.tries as open_tries, o.to_version as open_version,
       o.reading_no as open_reading, o.reason as open_reason,
       -- nothing in flight: the change list was read to its end after the last tried correction closed
       coalesce(k.read_at >= (select max(x.closed_at) from ops.outbox x where x.tries > 0
          and (x.target, x.item, x.location) = (c.target, c.item, c.location)), true) as is_quiet
from canonical.candidate_corrections c
left join lateral (select version, wanted from ops.target_versions t
   where (t.target, t.item, t.location) = (c.target, c.item, c.location) order by version desc limit 1) v on true
left join lateral (select reading_no from ops.target_readings t
   where (t.target, t.item, t.location) = (c.target, c.item, c.location) order by reading_no desc limit 1) r on true
left join ops.outbox o on (o.target, o.item, o.location) = (c.target, c.item, c.location)
   and o.state in ('pending', 'held', 'sent', 'unknown', 'rejected')
left join ops.target_cursors k on k.target = c.target
order by c.target, c.item, c.location
"""


def release(conn: psycopg.Connection, batch_id: int, now: datetime) -> Released:
    """Write versions and corrections of ``batch_id`` and move the watermark. Idempotent.

    Args:
        conn: role publisher, autocommit.
        now: instant in the product's clock; becomes ``released_as_of``.

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
            _release_key(conn, row, now, done)
        done.drained = _drain(conn, batch["as_of"]) + _drain_unknown(conn, batch_id)
        sync_missing_keys(conn, batch_id, at=now)
        done.requeued = _requeue(conn, [row for row in rows if row["requeue"]], now)
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


def _release_key(conn: psycopg.Connection, row: dict[str, Any], now: datetime, done: Released) -> None:
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
    if is_open and row["open_tries"] == 0:
        # Untried, so nothing of it can be in flight: out of date by version, or by a reading, it gives way.
        if row["open_version"] != version or row["open_reading"] != row["newest_reading"]:
            is_open = not transition(conn, row["open_id"], row["open_state"], "dead", at=now, reason="superseded")
            done.superseded += not is_open
        elif is_current:
            _follow_policy(conn, row, now)
    row["requeue"] = not is_open and row["reading_no"] != row["newest_reading"]
    if is_open or row["delta"] in (None, 0) or not is_current or not row["is_quiet"]:
        return
    quantity = row["delta"] if row["kind"] == "delta" else row["wanted"]
    state = "held" if row["hold_reason"] else "pending"
    body = (
        correction_id(*key, version, row["reading_no"], quantity, row["kind"]), *key, version, row["reading_no"],
        row["kind"], row["wanted"], row["shown"], quantity, row["expected_version"], state, row["hold_reason"],
        row["batch_id"], now, now,
    )  # fmt: skip
    written = conn.execute(
        """
        insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown,
                                quantity, expected_version, state, reason, batch_id, created_at, changed_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (correction_id) do nothing
        """,
        body,
    ).rowcount
    # Not written: the same correction was refused or denied before. It stays dead until version or reading move.
    done.pending += written if state == "pending" else 0
    done.held += written if state == "held" else 0


def _follow_policy(conn: psycopg.Connection, row: dict[str, Any], now: datetime) -> None:
    """An open, untried, current row is held when policy says so now, and let go when it no longer does."""
    reasons = set((row["open_reason"] or "").split(", "))
    if row["open_state"] == "held" and not row["hold_reason"] and not reasons & FOR_A_PERSON:
        transition(conn, row["open_id"], "held", "pending", at=now)
    elif (
        row["open_state"] == "pending" and row["hold_reason"] and not (row["open_reason"] or "").startswith(RELEASED_BY)
    ):
        transition(conn, row["open_id"], "pending", "held", at=now, reason=row["hold_reason"])


def _drain(conn: psycopg.Connection, as_of: datetime) -> int:
    """Take the candidates' keys off the queue.

    What was queued after the batch's instant may not be in its candidates, so it stays. A key with a correction
    open, or closed since the last complete reading, needs no row here: the reading that follows judges it.
    """
    return conn.execute(
        "delete from ops.correction_queue q using canonical.candidate_corrections c "
        "where (q.target, q.item, q.location) = (c.target, c.item, c.location) and q.queued_at <= %s",
        (as_of,),
    ).rowcount


def _requeue(conn: psycopg.Connection, rows: list[dict[str, Any]], now: datetime) -> int:
    """Queue keys whose number was read again after their candidate was computed."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.correction_queue values (%s, %s, %s, 'reading moved', %s) "
            "on conflict (target, item, location) "
            "do update set reason = excluded.reason, queued_at = excluded.queued_at",
            [(row["target"], row["item"], row["location"], now) for row in rows],
        )
    return len(rows)


def _drain_unknown(conn: psycopg.Connection, batch_id: int) -> int:
    """Take keys off the queue of which we hold no balance (a target may show stock no source ever told us of).

    They would wake resolve for ever. The first fact of such a key makes it a candidate by itself. Only what was queued
    before the batch before this one: that row was there for this batch's build to read, so it really has no candidate.
    """
    return conn.execute(
        """
        delete from ops.correction_queue q
        where q.queued_at <= (select max(as_of) from ops.batches where state = 'released' and batch_id < %s)
          and not exists (select from canonical.candidate_corrections c
                          where (c.target, c.item, c.location) = (q.target, q.item, q.location))
        """,
        (batch_id,),
    ).rowcount
