"""The unit tests that stand beside the models, run by dbt on the embedded Postgres."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from syncline.config import apply, read_folder
from syncline.resolve import dbt, rebuild

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PROJECT = Path(__file__).parents[2] / "dbt_project"


@pytest.fixture
def empty_models(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> str:
    """DSN of a warehouse where every model stands, empty: dbt reads the types of a test's rows from there."""
    apply(warehouse, read_folder(PROJECT / "seeds"), NOW, "test")
    warehouse.execute("insert into ops.batches (as_of, state) values (%s, 'open')", (NOW,))
    rebuild(warehouse, warehouse_dsn("transformer"), tmp_path)
    return warehouse_dsn("transformer")


def test_every_rule_has_its_unit_test_and_passes(empty_models: str, tmp_path: Path) -> None:
    nodes = dbt.run(empty_models, ["test", "--select", "test_type:unit"], tmp_path)
    written = sum(path.read_text(encoding="utf-8").count("\n    model: ") for path in PROJECT.rglob("_*__models.yml"))
    assert {node.status for node in nodes} == {"pass"}
    assert len(nodes) == written >= 24
