"""Let dbt decide one batch, then bring exceptions in step with what was decided."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from syncline.errors import RetryableError
from syncline.landing.warehouse_errors import warehouse_errors
from syncline.resolve import dbt
from syncline.resolve.batches import adopt_configuration
from syncline.resolve.exceptions import sync_exceptions

log = logging.getLogger(__name__)

# Two builds at once would mix their working tables; the loser is retried by Airflow instead of waiting here.
BUILD_LOCK = 7240004
# A test that reads a mart beside the lane's tables belongs to the marts: it looks through all history.
LANE = ["--select", "tag:resolve", "--exclude", "tag:marts", "--exclude-resource-type", "unit_test"]
FIRST = ["--select", "tag:resolve", "tag:marts", "--exclude-resource-type", "unit_test"]
# A rebuilt table takes the views on it along: the marts come back in the same run.
EVERYTHING = ["--full-refresh", *FIRST]
MARTS = ["--select", "tag:marts", "--exclude-resource-type", "unit_test"]
# Facts a cell keeps thinking about before older ones are summed up (ADR 0011): fewer make batches of a long history
# cheaper, more make it rarer that a late fact reaches behind the latest checkpoint.
CHECKPOINT_FACTS = 8


@dataclass(frozen=True)
class Built:
    """What a build did; ``seconds`` is dbt's wall time, ``slowest`` its three slowest nodes."""

    batch_id: int
    nodes: int
    seconds: float
    slowest: dict[str, float]
    exceptions_opened: int
    exceptions_resolved: int


@warehouse_errors("build a batch")
def build(
    conn: psycopg.Connection,
    dsn: str,
    batch_id: int,
    target: Path | None = None,
    *,
    checkpoint_facts: int = CHECKPOINT_FACTS,
) -> Built:
    """Resolve the facts of ``batch_id`` (as role transformer). Safe to repeat: the same rows come out.

    A batch that was released is left alone: its candidates are history, and rebuilding them would put the ones of
    the batch in flight out of sight.

    Raises:
        RetryableError: another build holds the warehouse.
        WarehouseUnavailable, TerminalError: as ``dbt.run``.
    """
    if conn.execute("select state from ops.batches where batch_id = %s", (batch_id,)).fetchone() == ("released",):
        return Built(batch_id, 0, 0.0, {}, 0, 0)
    has_marts = conn.execute("select to_regclass('marts.sync_health') is not null").fetchone() == (True,)
    # The first build makes the marts too: people look at them before the `marts` DAG has had its turn.
    return _build(conn, dsn, batch_id, LANE if has_marts else FIRST, target, checkpoint_facts)


@warehouse_errors("rebuild what is derived")
def rebuild(conn: psycopg.Connection, dsn: str, target: Path | None = None) -> Built | None:
    """Drop everything derived and derive it again from ``raw`` and ``ops``; None when no batch was ever opened."""
    row = conn.execute("select max(batch_id) from ops.batches").fetchone()
    if row is None or row[0] is None:
        return None
    return _build(conn, dsn, row[0], EVERYTHING, target, CHECKPOINT_FACTS)


def build_marts(dsn: str, target: Path | None = None) -> int:
    """Create or refresh what people and BI tools read; returns the number of nodes."""
    return len(dbt.run(dsn, ["build", *MARTS], target))


def _build(
    conn: psycopg.Connection, dsn: str, batch_id: int, selection: list[str], target: Path | None, checkpoint_facts: int
) -> Built:
    if conn.execute("select pg_try_advisory_lock(%s)", (BUILD_LOCK,)).fetchone() != (True,):
        raise RetryableError("Another build is running.", next_step="Nothing: this one is retried.", batch_id=batch_id)
    try:
        as_of = _make_current(conn, batch_id, checkpoint_facts)
        adopt_configuration(conn, batch_id, as_of)
        started = time.monotonic()
        nodes = dbt.run(dsn, ["build", *selection], target)
        seconds = round(time.monotonic() - started, 2)
        # Its rules were tested; nobody applies others while the build holds its lock.
        conn.execute(
            "update ops.current_batch set checked_version = "
            "(select coalesce(max(version_id), 0) from ops.config_versions)"
        )
        opened, resolved = sync_exceptions(conn, batch_id, as_of)
        conn.execute("update ops.batches set state = 'built' where batch_id = %s and state = 'open'", (batch_id,))
    finally:
        # A lost connection has freed the lock already, and what was lost must be the error that is seen.
        with suppress(psycopg.OperationalError, psycopg.InterfaceError):
            conn.execute("select pg_advisory_unlock(%s)", (BUILD_LOCK,))
    slowest = sorted(nodes, key=lambda node: -node.seconds)[:3]
    return Built(
        batch_id, len(nodes), seconds, {node.name: round(node.seconds, 2) for node in slowest}, opened, resolved
    )


def _make_current(conn: psycopg.Connection, batch_id: int, checkpoint_facts: int) -> datetime:
    row = conn.execute(
        """
        insert into ops.current_batch (batch_id, as_of, checkpoint_facts)
        select batch_id, as_of, %s from ops.batches where batch_id = %s
        on conflict (only_row) do update set batch_id = excluded.batch_id, as_of = excluded.as_of,
          checkpoint_facts = excluded.checkpoint_facts
        returning as_of
        """,
        (checkpoint_facts, batch_id),
    ).fetchone()
    assert row is not None, f"batch {batch_id} was never opened"
    as_of: datetime = row[0]
    return as_of
