"""``syncline outbox`` against a real warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg
import pytest
from typer.testing import CliRunner

from bench.warehouse import told_by_the_floor
from syncline.cli.outbox import app
from syncline.errors import TerminalError

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.fixture
def correction(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """One correction held above tolerance; the connection of the command is in the environment."""
    parts = urlsplit(warehouse_dsn("publisher"))
    value = {
        "conn_type": "postgres", "host": parts.hostname, "port": parts.port, "login": parts.username,
        "password": parts.password, "schema": parts.path[1:],
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_PUBLISHER", json.dumps(value))
    monkeypatch.setenv("COLUMNS", "200")
    told_by_the_floor(warehouse)
    warehouse.execute("insert into ops.batches (as_of, state) values (%s, 'released')", (AT,))
    warehouse.execute("insert into ops.target_versions values ('erp', 'SKU-0001', 'DC1', 1, 900, 1)")
    warehouse.execute("insert into ops.target_readings values ('erp', 'SKU-0001', 'DC1', 1, 10, null, %s)", (AT,))
    warehouse.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, "
        "quantity, state, reason, batch_id, created_at, changed_at, fact_id) values ('abcdef0123456789', 'erp', "
        "'SKU-0001', 'DC1', 1, 1, 'delta', 900, 10, 890, 'held', 'above tolerance', 1, %s, %s, 'floor')",
        (AT, AT),
    )
    return "abcdef0123456789"


def test_list_and_release(warehouse: psycopg.Connection, correction: str) -> None:
    listed = CliRunner().invoke(app, ["held", "--target", "erp"], catch_exceptions=False)
    assert "above tolerance" in listed.output
    assert "1 held." in listed.output
    assert "0 held." in CliRunner().invoke(app, ["held", "--target", "shop"], catch_exceptions=False).output
    done = CliRunner().invoke(app, ["release", correction[:8], "--by", "ana"], catch_exceptions=False)
    assert "Released abcdef012345: erp SKU-0001 DC1, shown 10, wanted 900." in done.output
    assert warehouse.execute("select state, reason from ops.outbox").fetchall() == [("pending", "released by ana")]


def test_deny_makes_a_dead_letter(warehouse: psycopg.Connection, correction: str) -> None:
    CliRunner().invoke(app, ["deny", correction, "--by", "ana", "--reason", "typo upstream"], catch_exceptions=False)
    assert warehouse.execute("select state, reason from ops.outbox").fetchall() == [
        ("dead", "denied by ana: typo upstream")
    ]
    assert "denied by ana" in CliRunner().invoke(app, ["dead"], catch_exceptions=False).output
    with pytest.raises(TerminalError, match="No held correction"):
        CliRunner().invoke(app, ["release", correction, "--by", "ana"], catch_exceptions=False)


def test_breakers_are_listed_and_decided(warehouse: psycopg.Connection, correction: str) -> None:
    def run(*arguments: str) -> str:
        return CliRunner().invoke(app, ["breakers", *arguments], catch_exceptions=False).output

    assert "0 open." in run()
    warehouse.execute(
        "insert into ops.breaker_trips (rule, target, batch_id, measured, bound, detail, state, opened_at) "
        "values ('keys', 'erp', 1, 9, 5, '9 keys of erp would change', 'open', %s)",
        (AT,),
    )
    warehouse.execute("update ops.outbox set reason = 'breaker 1: too many keys'")
    assert "9 keys of erp would change" in run()
    assert "Breaker 1 is released: 1 corrections." in run("release", "1", "--by", "ana", "--note", "stock take")
    assert "was released by ana before; nothing is changed" in run("deny", "1", "--by", "bob", "--note", "no")
    assert warehouse.execute("select state, reason from ops.outbox").fetchall() == [
        ("pending", "let go by ana (breaker 1)")
    ]
    assert "0 open." in run()
    assert "released by ana: stock take" in run("--all")
