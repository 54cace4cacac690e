"""Batches: which closed loads, decisions, due triggers and re-drives are thought about together.

The watermark is the set of rows in ``ops.batch_loads``: never a max(id) or max(timestamp), which lose late commits
and ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from syncline.landing.warehouse_errors import warehouse_errors
from syncline.resolve.ended_items import touch_ended_items
from syncline.resolve.readings import switch_readings

# One batch in flight: the second opener waits here and finds the first one's batch.
OPEN_LOCK = 7240003
CONFIGURATION = "configuration"  # reason of key triggers that an apply wrote


@dataclass(frozen=True)
class Batch:
    """``as_of`` is the run time every model reads as data; ``loads`` is the number of loads taken."""

    batch_id: int
    as_of: datetime
    loads: int


@warehouse_errors("open a batch")
def open_batch(conn: psycopg.Connection, now: datetime) -> Batch | None:
    """Take everything pending into a new batch, or return the unfinished one; None when there is nothing to do.

    Pending are: closed loads and decisions that no batch has taken, due key triggers, requested re-drives, and queued
    corrections whose key has no correction open, or an untried one that a configuration change concerns. Safe to
    repeat: an unfinished batch keeps its loads and its ``as_of``.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", (OPEN_LOCK,))
        unfinished = conn.execute(
            "select batch_id, as_of from ops.batches where state in ('open', 'built', 'held')"
        ).fetchone()
        if unfinished is not None:
            return _with_loads(conn, *unfinished)
        if not _is_pending(conn, now):
            return None
        row = conn.execute(
            "insert into ops.batches (as_of, state) values (%s, 'open') returning batch_id, as_of", (now,)
        ).fetchone()
        assert row is not None
        batch_id: int = row[0]
        conn.execute(
            """
            insert into ops.batch_loads (load_id, batch_id)
            select l.load_id, %s from raw.loads l
            where not exists (select from ops.batch_loads b where b.load_id = l.load_id)
            """,
            (batch_id,),
        )
        # After the loads: the decision behind a write-off was stored before its load was closed.
        conn.execute(
            """
            insert into ops.batch_decisions (decision_id, batch_id)
            select d.decision_id, %s from ops.decisions d
            where not exists (select from ops.batch_decisions b where b.decision_id = d.decision_id)
            """,
            (batch_id,),
        )
        conn.execute(
            "update ops.key_triggers set batch_id = %s where batch_id is null and due_at <= %s", (batch_id, now)
        )
        touch_ended_items(conn, batch_id, now)
        redriven = conn.execute("update ops.redrives set batch_id = %s where batch_id is null", (batch_id,)).rowcount
        if switch_readings(conn, batch_id, now) or redriven:
            _touch_old_cells(conn, batch_id, now)
        return _with_loads(conn, batch_id, row[1])


def adopt_configuration(conn: psycopg.Connection, batch_id: int, as_of: datetime) -> None:
    """Let the batch about to be built be thought about with one configuration: the newest, for all that it concerns.

    An apply after the batch was opened asks for facts and cells that the next batch would take; this one would decide
    its own cells by the new version and leave those by the old one. Call it while no apply can run (``BUILD_LOCK``).
    """
    with conn.transaction():
        newest = conn.execute(
            "update ops.batches set config_version = (select max(version_id) from ops.config_versions) "
            "where batch_id = %s and state <> 'released'",
            (batch_id,),
        ).rowcount
        if not newest:
            return  # everything is rebuilt for a batch that is history
        conn.execute(
            "update ops.key_triggers set batch_id = %s where batch_id is null and reason = %s",
            (batch_id, CONFIGURATION),
        )
        if conn.execute("update ops.redrives set batch_id = %s where batch_id is null", (batch_id,)).rowcount:
            _touch_old_cells(conn, batch_id, as_of)


def _is_pending(conn: psycopg.Connection, now: datetime) -> bool:
    row = conn.execute(
        """
        select exists (
              select from raw.loads l
              where not exists (select from ops.batch_loads b where b.load_id = l.load_id)
            )
            or exists (
              select from ops.decisions d
              where not exists (select from ops.batch_decisions b where b.decision_id = d.decision_id)
            )
            or exists (select from ops.key_triggers where batch_id is null and due_at <= %s)
            or exists (select from ops.redrives where batch_id is null)
            or exists (
              select from ops.correction_queue q
              where not exists (
                select from ops.outbox o
                where (o.target, o.item, o.location) = (q.target, q.item, q.location)
                  and o.state in ('pending', 'held', 'sent', 'unknown', 'rejected')
                  -- another limit or channel rule judges also what waits to be sent
                  and not (q.reason = 'configuration' and o.tries = 0)
              )
            )
        """,
        (now,),
    ).fetchone()
    return row == (True,)


def _touch_old_cells(conn: psycopg.Connection, batch_id: int, now: datetime) -> None:
    """A re-driven fact may leave the cell it counted in: that cell is thought about again too."""
    if conn.execute("select to_regclass('staging.stg_facts')").fetchone() == (None,):
        return
    conn.execute(
        """
        insert into ops.key_triggers (item, location, measure, reason, due_at, batch_id)
        select distinct s.item, s.location, s.measure, 'redrive', %(now)s::timestamptz, %(batch_id)s::bigint
        from ops.redrives r join staging.stg_facts s using (fact_id)
        where r.batch_id = %(batch_id)s and s.item is not null and s.location is not null and s.measure is not null
        """,
        {"now": now, "batch_id": batch_id},
    )


def _with_loads(conn: psycopg.Connection, batch_id: int, as_of: datetime) -> Batch:
    row = conn.execute("select count(*) from ops.batch_loads where batch_id = %s", (batch_id,)).fetchone()
    assert row is not None
    return Batch(batch_id, as_of, row[0])
