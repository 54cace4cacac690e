"""The DAG's task and the command line pull and check the same source in the same way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.sources.erp_orders.test_pull import OrdersServer, erp, order
from typer.testing import CliRunner

from syncline.cli.sources import app
from syncline.errors import ConfigurationError
from syncline_airflow.ingest import pull_once

__all__ = ["erp"]


@pytest.fixture
def command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    warehouse: psycopg.Connection,
    warehouse_dsn: Callable[[str], str],
    erp: OrdersServer,
) -> CliRunner:
    registry = tmp_path / "registry.yml"
    registry.write_text("sources: [{name: erp_orders, kind: erp_orders, conn_id: erp, page_limit: 2}]\ntargets: []\n")
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": erp.port, "password": "secret-token"}
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(registry))
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_LOADER", warehouse_dsn("loader"))
    monkeypatch.setenv("SYNCLINE_CLOCK", f"virtual:2026-11-02T12:00:00+00:00/{time.time()}/1")
    erp.events = [order(n) for n in range(3)]
    return CliRunner()


def test_the_command_checks_and_pulls(command: CliRunner) -> None:
    assert "2 order lines on the first page, more behind" in command.invoke(app, ["check", "erp_orders"]).output
    summary = json.loads(command.invoke(app, ["pull", "erp_orders", "--json"]).output)
    assert (summary["facts"], summary["documents"], summary["is_complete"]) == (3, 2, True)
    assert "nothing new" in command.invoke(app, ["pull", "erp_orders"]).output
    refused = command.invoke(app, ["pull", "erp_orders", "--since", "2026-11-01T00:00:00"])
    assert isinstance(refused.exception, ConfigurationError)


def test_the_task_pulls(command: CliRunner, erp: OrdersServer) -> None:
    assert pull_once("erp_orders")["facts"] == 3
    assert pull_once("erp_orders")["load_id"] is None
    assert set(erp.authorization) == {"Bearer secret-token"}
