"""The `deliver_<name>` DAGs of a registry with subscribers, run by `dag.test()` into a real folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.databases import subscribed

from syncline.exceptions import open_exception
from syncline.registry import lanes, load_registry, pools
from syncline.registry.pools import OWN_LANES

ROOT = Path(__file__).parents[2]
T0 = datetime(2026, 11, 2, 10, tzinfo=UTC)
REGISTRY = """
sources: []
targets: []
subscribers:
  - {name: lake, kind: files, from_start: true, poll_every_s: 30}
  - {name: billing_hook, kind: webhook, timeout_s: 5}
  - {name: ops_mail, kind: email, to: ops@example.org}
  - {name: former, kind: files, enabled: false}
"""


@pytest.fixture
def deliver_dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "registry.yml").write_text(REGISTRY, encoding="utf-8")
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(tmp_path / "registry.yml"))
    bag = DagBag(dag_folder=ROOT / "dags" / "deliver.py")
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_every_enabled_subscriber_has_a_dag_a_pool_and_a_slot(deliver_dags: dict[str, Any]) -> None:
    from airflow.sdk import DeltaTriggerTimetable

    assert set(deliver_dags) == {"deliver_lake", "deliver_billing_hook", "deliver_ops_mail"}
    registry = load_registry()
    for name in ("lake", "billing_hook", "ops_mail"):
        dag = deliver_dags[f"deliver_{name}"]
        assert [task.pool for task in dag.tasks] == [f"subscriber_{name}"]
        assert pools(registry)[f"subscriber_{name}"].slots == 1
        assert dag.max_active_runs == 1
        assert "When red" in dag.doc_md
        assert isinstance(dag.timetable.timetable, DeltaTriggerTimetable)
        wakes = {asset.uri for asset in dag.timetable.asset_condition.objects}
        assert wakes == {"syncline://ops/outbox", "syncline://ops/readings"}
    assert lanes(registry) == 3 + OWN_LANES


def test_a_run_writes_what_happened_and_the_next_one_is_skipped(
    airflow_database: None, deliver_dags: dict[str, Any], warehouse: psycopg.Connection,
    warehouse_dsn: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = tmp_path / "lake"
    folder.mkdir()
    extra = {"conn_type": "fs", "extra": {"path": str(folder)}}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(extra))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_PUBLISHER", warehouse_dsn("publisher"))
    subscribed(warehouse, ("lake", "*", "*", "*", "live"))
    open_exception(warehouse, "discrepancy", "A/DC1", detail="d", next_step="n", at=T0)

    states = []
    for _ in range(2):
        # dag.test() logs and swallows what a task raises: only the states tell.
        finished = deliver_dags["deliver_lake"].test()
        states += [(str(finished.state), str(task.state)) for task in finished.get_task_instances()]
    assert states == [("success", "success"), ("success", "skipped")]
    (path,) = folder.rglob("*.ndjson")
    assert path.relative_to(folder) == Path("day=2026-11-02") / "000000000001-000000000001.ndjson"
    assert [json.loads(line)["type"] for line in path.read_text().splitlines()] == ["syncline.exception.opened"]
