"""Say in one line that the warehouse refused work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from syncline.errors import WarehouseUnavailable


@contextmanager
def warehouse_errors(doing: str) -> Iterator[None]:
    """Turn a lost connection, a full disk or a timeout while ``doing`` into ``WarehouseUnavailable``."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise WarehouseUnavailable(
            f"The warehouse refused to {doing}: {str(error).strip().splitlines()[0] if str(error) else 'no message'}"
            f" ({type(error).__name__}).",
            next_step="Nothing was written. Start Postgres or free its disk; the next run catches up by itself.",
        ) from error
