"""Say in one line that the warehouse refused work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from syncline.errors import WarehouseUnavailable

# How Postgres and its drivers word a warehouse that is gone or out of room. Needed where no SQLSTATE tells it: dbt
# hands on texts, and a quota or a file size limit reaches the client as an internal error.
UNAVAILABLE = (
    "no space left on device",
    "could not extend file",
    "could not write to file",
    "could not write block",
    "disk quota exceeded",
    "file too large",
    "out of memory",
    "out of shared memory",
    "too many clients",
    "remaining connection slots",
    "could not connect",
    "connection to server at",
    "connection refused",
    "connection reset",
    "connection timed out",
    "connection already closed",
    "connection is closed",
    "connection has been closed",
    "server closed the connection",
    "could not receive data from server",
    "could not send data to server",
    "eof detected",
    "broken pipe",
    "terminating connection",
    "the database system is",
    "deadlock detected",
    "could not serialize access",
    "read-only transaction",
)


def says_unavailable(text: str) -> bool:
    """Whether a driver's message means that the same work may succeed later, unchanged."""
    lower = text.lower()
    return any(words in lower for words in UNAVAILABLE)


@contextmanager
def warehouse_errors(doing: str) -> Iterator[None]:
    """Turn a lost connection, a full disk or a timeout while ``doing`` into ``WarehouseUnavailable``."""
    try:
        yield
    except psycopg.Error as error:
        if not _is_passing(error):
            raise
        raise WarehouseUnavailable(
            f"The warehouse refused to {doing}: {str(error).strip().splitlines()[0] if str(error) else 'no message'}"
            f" ({type(error).__name__}).",
            next_step="Nothing was written. Start Postgres or free its disk; the next run catches up by itself.",
        ) from error


def _is_passing(error: psycopg.Error) -> bool:
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, errors.IdleInTransactionSessionTimeout)):
        return True
    return isinstance(error, psycopg.InternalError) and says_unavailable(str(error))
