"""How dbt is called (`syncline.resolve.dbt`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.resolve import dbt, rebuild

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_dbt_does_not_walk_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With Airflow loaded that was half the time of a batch. Red: dbt asks elsewhere now; see `dbt._runner`."""

    def walked() -> NoReturn:
        raise AssertionError("dbt called inspect.stack()")

    monkeypatch.setattr(inspect, "stack", walked)
    dbt.warm("postgresql://nobody@127.0.0.1/never_parsed_before", tmp_path)


def test_a_run_connects_for_each_thread_and_not_for_each_node(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), NOW, "test")
    warehouse.execute("insert into ops.batches (as_of, state) values (%s, 'open')", (NOW,))
    rebuild(warehouse, warehouse_dsn("transformer"), tmp_path)

    before = _sessions(warehouse)
    nodes = dbt.run(warehouse_dsn("transformer"), ["run", "--select", "tag:resolve"], tmp_path)
    assert len(nodes) > 20
    assert (
        _sessions(warehouse) - before <= 6
    )  # two threads, the two that list relations, the main one, and one to spare


def _sessions(warehouse: psycopg.Connection) -> int:
    warehouse.execute("select pg_stat_clear_snapshot()")
    row = warehouse.execute("select sessions from pg_stat_database where datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])
