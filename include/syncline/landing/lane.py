"""One reader per source at a time, whoever starts it (a scheduled run, a cleared task, the command line)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from syncline.errors import RetryableError
from syncline.landing.warehouse_errors import warehouse_errors

#  reader 1                          reader 2
#  takes the lock, reads cursor 10
#                                    finds the lock taken: RetryableError, nothing read
#  lands, cursor 20, frees the lock
# Without it both would read cursor 10 and the slower one would move it back.
ENTER = """select pg_try_advisory_lock(7240010, hashtext(%(source)s)),
    (select cursor from ops.source_cursors where source = %(source)s)"""
LEAVE = "select pg_advisory_unlock(7240010, hashtext(%(source)s))"


@contextmanager
def source_lane(conn: psycopg.Connection, source: str) -> Iterator[dict[str, Any]]:
    """Hold the lane of ``source`` and yield its cursor (empty when it was never read).

    Raises:
        RetryableError: another reader holds the lane.
        WarehouseUnavailable: Postgres does not answer.
    """
    with warehouse_errors(f"read the cursor of {source}"):
        row = conn.execute(ENTER, {"source": source}).fetchone()
    if row is None or not row[0]:
        raise RetryableError(
            f"Source {source} is being read by another process.",
            next_step="Wait: it holds the lane only while it reads. A lane of a dead process is free at once.",
            retry_after_s=5,
            source=source,
        )
    try:
        yield row[1] or {}
    finally:
        # A broken connection has freed the lock already, and what broke it must be the error that is seen.
        with suppress(psycopg.OperationalError, psycopg.InterfaceError):
            conn.execute(LEAVE, {"source": source})
