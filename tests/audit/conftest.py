"""A small log with everything in it: dispositions of real batches, decisions, corrections with their attempts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from bench.warehouse import told_by_the_floor
from syncline.audit.entries import note_dispositions
from syncline.audit.keys import Signer
from syncline.audit.seal import seal_batch, seal_rest
from syncline.scenario import Options, read_scenarios, run_scenarios

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
SCENARIOS = Path(__file__).parents[1] / "scenarios"
SIGNER = Signer(bytes(range(32)))


def correct(conn: psycopg.Connection, name: str, item: str) -> None:
    """A correction sent and applied: five rows of three tables."""
    conn.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, "
        "quantity, state, batch_id, created_at, changed_at, fact_id) select %s, 'erp', %s, 'DC1', 1, 1, 'delta', 1, 0, "
        "1, 'pending', max(batch_id), %s, %s, 'floor' from ops.batches",
        (name, item, AT, AT),
    )
    conn.execute("update ops.outbox set state = 'sent', tries = 1 where correction_id = %s", (name,))
    conn.execute(
        "insert into ops.push_attempts (correction_id, try_no, sent_at, deadline_at) values (%s, 1, %s, %s)",
        (name, AT, AT),
    )
    conn.execute("update ops.push_attempts set outcome = 'applied' where correction_id = %s", (name,))
    conn.execute("update ops.outbox set state = 'applied', closed_at = %s where correction_id = %s", (AT, name))


@pytest.fixture
def log(warehouse: psycopg.Connection) -> psycopg.Connection:
    """A warehouse with six seals, and something that is not sealed."""
    told_by_the_floor(warehouse)
    for number in range(3):
        batch = _released(warehouse)
        correct(warehouse, f"b{number}", f"SKU-{number}")
        seal_batch(warehouse, batch, SIGNER, AT + timedelta(minutes=number))
        for each in range(4):
            correct(warehouse, f"c{number}-{each}", f"SKU-{number}-{each}")
        assert seal_rest(warehouse, SIGNER, AT + timedelta(minutes=number, seconds=30)) is not None
    correct(warehouse, "late", "SKU-late")
    return warehouse


def _released(conn: psycopg.Connection) -> int:
    row = conn.execute(
        "insert into ops.batches (as_of, state) values (%s, 'released') returning batch_id", (AT,)
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def resolved(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> psycopg.Connection:
    """A warehouse with the dispositions of three real batches in its log, each sealed."""
    scenarios = read_scenarios([SCENARIOS / f"{name}.yaml" for name in ("g1-race", "g8-key-conflict", "lots-are-keys")])
    run_scenarios(warehouse, warehouse_dsn("owner"), scenarios, Options(batches=3))
    for (batch,) in warehouse.execute("select batch_id from ops.batches order by 1").fetchall():
        note_dispositions(warehouse, batch)
        seal_batch(warehouse, batch, SIGNER, AT)
    return warehouse
