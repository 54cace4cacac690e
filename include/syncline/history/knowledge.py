"""What was known at a time: the batches released by then, and the configuration they were built with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.errors import TerminalError

if TYPE_CHECKING:
    import psycopg

# Batches of before the version was stored: the newest that was applied by their instant.
_RELEASED = """
select b.batch_id, b.as_of, coalesce(b.released_as_of, b.as_of) as published_at,
  coalesce(b.config_version, (select max(v.version_id) from ops.config_versions v where v.applied_at <= b.as_of), 0)
    as config_version
from ops.batches b where b.state = 'released'
"""


@dataclass(frozen=True)
class Knowledge:
    """Everything that ``batch_id`` and the batches before it had taken: facts, readings, decisions, configuration."""

    batch_id: int
    as_of: datetime
    published_at: datetime
    config_version: int


def latest(conn: psycopg.Connection) -> Knowledge:
    """What the last released batch knew.

    Raises:
        TerminalError: no batch was ever released.
    """
    found = _one(conn, "order by b.batch_id desc limit 1", ())
    if found is None:
        raise TerminalError("No batch was ever released.", next_step="Run the DAG resolve, or `syncline up`.")
    return found


def at(conn: psycopg.Connection, instant: datetime) -> Knowledge:
    """What was published at ``instant``.

    Raises:
        TerminalError: nothing was published by then; names the first publication.
    """
    found = _one(conn, "and coalesce(b.released_as_of, b.as_of) <= %s order by b.batch_id desc limit 1", (instant,))
    if found is None:
        first = _one(conn, "order by b.batch_id limit 1", ())
        raise TerminalError(
            f"Nothing was published by {instant.isoformat()}.",
            next_step=f"Batch {first.batch_id} was the first, at {first.published_at.isoformat()}."
            if first
            else "Run the DAG resolve, or `syncline up`.",
        )
    return found


def of_batch(conn: psycopg.Connection, batch_id: int) -> Knowledge:
    """What was published when ``batch_id`` was released.

    Raises:
        TerminalError: there is no such batch, or it is not released.
    """
    found = _one(conn, "and b.batch_id = %s", (batch_id,))
    if found is None:
        raise TerminalError(
            f"Batch {batch_id} was not released.", next_step="ops.batches lists the batches and their states."
        )
    return found


def _one(conn: psycopg.Connection, clause: str, values: tuple[object, ...]) -> Knowledge | None:
    with conn.cursor(row_factory=class_row(Knowledge)) as cursor:
        return cursor.execute((_RELEASED + clause).encode(), values).fetchone()
