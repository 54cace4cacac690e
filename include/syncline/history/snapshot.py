"""One snapshot of the warehouse for everything that a question reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncline.errors import RetryableError
from syncline.explain.keys import refuse_unresolved
from syncline.resolve.build import BUILD_LOCK

if TYPE_CHECKING:
    import psycopg

WAIT_S = 60


@contextmanager
def snapshot(conn: psycopg.Connection) -> Iterator[None]:
    """Everything read in the block shows one instant; nothing can be written."""
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        yield


@contextmanager
def settled_snapshot(conn: psycopg.Connection) -> Iterator[int]:
    """A snapshot in which the derived rows are those of one batch, no half of a build; yields the batch's number.

    Raises:
        TerminalError: no batch was ever built.
        RetryableError: a batch was open all the time that one may wait.
    """
    refuse_unresolved(conn)
    for _ in range(WAIT_S):
        with snapshot(conn):
            batch_id = _settled_batch(conn)
            if batch_id is not None:
                yield batch_id
                return
        time.sleep(1)
    raise RetryableError(
        f"No moment without an open batch in {WAIT_S} s.",
        next_step="Run it again when the batch is released; ops.batches shows the one in flight.",
    )


def _settled_batch(conn: psycopg.Connection) -> int | None:
    """The newest built batch, unless one is open: then tables of two batches may stand beside each other."""
    if conn.execute("select pg_try_advisory_lock_shared(%s)", (BUILD_LOCK,)).fetchone() != (True,):
        return None
    conn.execute("select pg_advisory_unlock_shared(%s)", (BUILD_LOCK,))
    row = conn.execute("select max(batch_id), coalesce(bool_or(state = 'open'), false) from ops.batches").fetchone()
    assert row is not None
    return None if row[1] else row[0]
