"""``ops.correction_queue``: keys whose wanted or shown number may have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

Key = tuple[str, str, str]  # target, item, location


def queue_keys(conn: psycopg.Connection, keys: Iterable[Key], reason: str, at: datetime) -> None:
    """Queue keys for the next batch, or say the newer reason for those that are queued."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.correction_queue values (%s, %s, %s, %s, %s) on conflict (target, item, location) "
            "do update set reason = excluded.reason, queued_at = excluded.queued_at",
            [(*key, reason, at) for key in keys],
        )


def drain(conn: psycopg.Connection, as_of: datetime) -> int:
    """Take the candidates' keys off the queue.

    What was queued after the batch's instant may not be in its candidates, so it stays. A key with a correction
    open, or closed since the last complete reading, needs no row here: the reading that follows judges it.
    """
    return conn.execute(
        "delete from ops.correction_queue q using canonical.candidate_corrections c "
        "where (q.target, q.item, q.location) = (c.target, c.item, c.location) and q.queued_at <= %s",
        (as_of,),
    ).rowcount


def drain_unknown(conn: psycopg.Connection, batch_id: int) -> int:
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
