"""One writer per (target, item): session locks that die with their connection, whatever kills the process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg


@contextmanager
def lane(conn: psycopg.Connection, target: str, item: str) -> Iterator[bool]:
    """True inside when the lane was free; it is given back at the end. Never waits.

    Two items whose hashes meet share a lane, which costs a little parallelism and nothing else.
    """
    values = (f"syncline lane {target}", item)
    row = conn.execute("select pg_try_advisory_lock(hashtext(%s), hashtext(%s))", values).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        # A broken connection has lost its locks already; asking it to unlock would only hide the first error.
        if held and not conn.closed:
            conn.execute("select pg_advisory_unlock(hashtext(%s), hashtext(%s))", values)
