"""``ops.correction_queue``: keys whose wanted or shown number may have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

Key = tuple[str, str, str]  # target, item, location
NO_CANDIDATE = """not exists (select from canonical.candidate_corrections c
  where (c.target, c.item, c.location) = (q.target, q.item, q.location))"""


def queue_keys(conn: psycopg.Connection, keys: Iterable[Key], reason: str, at: datetime) -> None:
    """Queue keys for the next batch, or say the newer reason for those that are queued."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.correction_queue values (%s, %s, %s, %s, %s) on conflict (target, item, location) "
            "do update set reason = excluded.reason, queued_at = excluded.queued_at, seen_by = null",
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
    """Take keys off the queue that are no candidates: of which we hold no balance, or that nobody subscribes to.

    They would wake resolve for ever; the first fact of such a key makes it a candidate by itself. Only what a release
    before this one found on the queue: that row was there for this batch's build to read, so it really has no
    candidate. What this release finds first is marked for the next one.
    """
    drained = conn.execute(f"delete from ops.correction_queue q where q.seen_by < %s and {NO_CANDIDATE}", (batch_id,))
    conn.execute(
        f"update ops.correction_queue q set seen_by = %s where q.seen_by is null and {NO_CANDIDATE}", (batch_id,)
    )
    return drained.rowcount
