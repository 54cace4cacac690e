"""The reconcile DAG on the twin: full states pulled, proven and decided, for all warehouses and for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from tests.dags.test_end_to_end import Run, run, twin

from syncline.errors import ConfigurationError
from syncline.runtime import partners
from syncline_airflow import reconcile as reconciling

__all__ = ["run", "twin"]
States = dict[tuple[str, int], str]


@contextmanager
def skipped() -> Iterator[None]:
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException):
        yield


@pytest.fixture
def reconcile(airflow_database: None, dag_bag: Any) -> Callable[..., tuple[str, States]]:
    """``reconcile(location="DC1")``: state of the run, and of each task by its map index."""

    def execute(**conf: str) -> tuple[str, States]:
        finished = dag_bag.dags["reconcile"].test(run_conf=conf)
        found = {(each.task_id, each.map_index): str(each.state) for each in finished.get_task_instances()}
        return str(finished.state), found

    return execute


def on_hand(conn: psycopg.Connection, location: str) -> dict[tuple[str, str], int]:
    return {
        (row[0], row[1]): row[2]
        for row in conn.execute(
            "select item, measure, quantity from canonical.balances where location = %s and quantity <> 0", (location,)
        )
    }


def test_what_was_never_told_is_made_good_by_the_full_state(
    twin: partners.Partners,
    run: Run,
    reconcile: Callable[..., tuple[str, States]],
    warehouse: psycopg.Connection,
) -> None:
    assert run("ingest_dc1_wms")["pull"] == "success"
    assert run("resolve")["release"] == "success"
    told = on_hand(warehouse, "DC1")
    assert on_hand(warehouse, "DC2") == {}

    state, tasks = reconcile()
    assert state == "success"
    assert tasks["plan", -1] == "success"
    assert {tasks[f"warehouse.{task}", index] for index in range(3) for task in ("pull", "compare")} == {"success"}
    # DC1 has told all it did, DC2 nothing yet; of DC3 no API but the ERP's tells, which owns no stock.
    assert [tasks["warehouse.promote", index] for index in range(3)] == ["skipped", "success", "skipped"]
    assert warehouse.execute(
        "select source, locations[1], is_proven, fault_code, cardinality(document_ids) > 1 from raw.snapshots"
        " order by system, locations[1]"
    ).fetchall() == [
        ("erp", "DC1", True, None, False), ("erp", "DC2", True, None, False), ("erp", "DC3", True, None, False),
        ("dc1_wms", "DC1", True, None, True), ("dc2_wms", "DC2", True, None, True),
    ]  # fmt: skip
    # Nothing was pushed to the ERP yet: that its books differ is no concern of this test.
    assert warehouse.execute(
        "select detail from ops.exceptions where rule like 'snapshot.%' and subject not like 'erp/%'"
    ).fetchall() == []  # fmt: skip

    assert run("resolve")["release"] == "success"
    truth = {
        (item, measure): quantity
        for location, item, measure, quantity in twin.truth()["balances"]
        if location == "DC2" and quantity
    }
    assert on_hand(warehouse, "DC2") == truth
    assert on_hand(warehouse, "DC1") == told

    # What is told late is absorbed: the number stays.
    assert run("ingest_dc2_wms")["pull"] == "success"
    assert run("resolve")["release"] == "success"
    assert on_hand(warehouse, "DC2") == truth

    state, tasks = reconcile(location="DC2")
    assert state == "success"
    assert {key: tasks[key] for key in tasks if key[0] != "plan"} == {
        ("warehouse.pull", 0): "success",
        ("warehouse.compare", 0): "success",
        ("warehouse.promote", 0): "skipped",
    }


def test_a_task_that_is_cleared_finds_what_it_did(
    twin: partners.Partners, run: Run, warehouse: psycopg.Connection
) -> None:
    assert run("ingest_dc2_wms")["pull"] == "success"
    assert run("resolve")["release"] == "success"
    (number,) = reconciling.plan("manual__1", "DC1")
    assert reconciling.plan("manual__1", "DC1") == [number]
    assert reconciling.pull(number, "worker") == reconciling.pull(number, "other") == number
    assert reconciling.compare(number, "worker") == reconciling.compare(number, "other") == number
    counts = reconciling.promote(number, "worker")
    assert counts["facts"] == counts["differing"] > 50
    with skipped():
        reconciling.promote(number, "worker")
    assert warehouse.execute(
        "select (select count(*) from raw.snapshots where system = 'wms'), (select count(*) from raw.facts where"
        " reading = 'balances/1') = %s, (select state from ops.reconciliations)",
        (counts["facts"],),
    ).fetchone() == (1, True, "promoted")
    with pytest.raises(ConfigurationError, match="DC1, DC2, DC3"):
        reconciling.plan("manual__2", "DC9")
