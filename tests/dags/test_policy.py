"""What every DAG must hold to, and the orderings that protect data."""

from __future__ import annotations

import itertools
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from syncline.registry import lanes, load_registry, pools

ROOT = Path(__file__).parents[2]
REGISTRY = load_registry(ROOT / "dags" / "registry.yml")
EXPECTED = {
    *(f"ingest_{source.name}" for source in REGISTRY.sources if source.enabled),
    *(f"push_{target.name}" for target in REGISTRY.targets if target.enabled),
    *(f"deliver_{subscriber.name}" for subscriber in REGISTRY.subscribers if subscriber.enabled),
    "resolve",
    "release_held",
    "audit",
    "compensate",
    "marts",
    "reconcile",
    "tell_loops",
}


@pytest.fixture(params=sorted(EXPECTED))
def one_dag(request: pytest.FixtureRequest, dag_bag: DagBag) -> DAG:
    return dag_bag.dags[request.param]


def test_every_file_imports_and_the_factories_build_what_the_registry_says(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == EXPECTED


def test_one_run_at_a_time_and_no_catching_up(one_dag: DAG) -> None:
    # A question that waits for its answer must not stop the next one.
    assert one_dag.max_active_runs == {"release_held": 32, "compensate": 16}.get(one_dag.dag_id, 1)
    assert one_dag.catchup is False
    assert one_dag.dagrun_timeout is not None


def test_on_call_finds_an_explanation(one_dag: DAG) -> None:
    assert one_dag.doc_md is not None
    assert "When red" in one_dag.doc_md or "when red" in one_dag.doc_md
    assert one_dag.description
    steps = [tag for tag in one_dag.tags if tag.startswith("step:")]
    impacts = [tag for tag in one_dag.tags if tag.startswith("impact:")]
    assert (len(steps), len(impacts)) == (1, 1)


def test_every_task_ends_is_retried_and_says_why_it_failed(one_dag: DAG) -> None:
    for task in one_dag.tasks:
        assert task.owner == "syncline"
        assert task.retries >= 1
        assert task.retry_policy is not None
        assert timedelta(0) < task.execution_timeout <= timedelta(minutes=15)
        # A run that ends before the tries of its task shows a skipped task and no reason.
        assert (task.retries + 1) * task.execution_timeout < one_dag.dagrun_timeout
        assert [callback.__name__ for callback in task.on_failure_callback] == ["log_failure"]
        assert [callback.__name__ for callback in task.on_retry_callback] == ["log_retry"]
        assert task.trigger_rule == "all_success"


def test_a_warehouse_is_pulled_before_anything_of_it_is_promoted(dag_bag: DagBag) -> None:
    reconcile = dag_bag.dags["reconcile"]
    order = ["plan", "warehouse.pull", "warehouse.compare", "warehouse.promote"]
    assert {task.task_id for task in reconcile.tasks} == set(order)
    for before, after in itertools.pairwise(order):
        assert before in reconcile.get_task(after).upstream_task_ids
    assert {task.pool for task in reconcile.tasks} == {"reconcile"}


def test_nothing_is_released_before_it_is_built_and_judged(dag_bag: DagBag) -> None:
    resolve = dag_bag.dags["resolve"]
    order = ["open_batch", "build", "gate", "release"]
    assert {task.task_id for task in resolve.tasks} == set(order)
    for before, after in itertools.pairwise(order):
        assert resolve.get_task(after).upstream_task_ids == {before}


def test_a_question_waits_outside_the_lane_and_longer_than_a_week(dag_bag: DagBag) -> None:
    release_held = dag_bag.dags["release_held"]
    assert {task.task_id for task in release_held.tasks} == {"find", "find_held", "ask", "ask_held"}
    assert release_held.get_task("ask").pool not in ("dbt_write", *(f"target_{t.name}" for t in REGISTRY.targets))
    assert release_held.dagrun_timeout > timedelta(days=7) * 4
    assert not [asset for task in release_held.tasks for asset in task.outlets]


def test_dbt_writes_one_batch_at_a_time(dag_bag: DagBag) -> None:
    pools = {
        dag_id: {task.task_id: task.pool for task in dag_bag.dags[dag_id].tasks} for dag_id in ("resolve", "marts")
    }
    assert pools["resolve"]["build"] == pools["marts"]["build"] == "dbt_write"


def test_every_partner_has_a_pool_of_its_own(dag_bag: DagBag) -> None:
    for source in REGISTRY.sources:
        assert [task.pool for task in dag_bag.dags[f"ingest_{source.name}"].tasks] == [f"source_{source.name}"]
    for target in REGISTRY.targets:
        assert [task.pool for task in dag_bag.dags[f"push_{target.name}"].tasks] == [f"target_{target.name}"]


def test_no_task_waits_for_a_pool_that_nobody_creates(one_dag: DAG) -> None:
    assert {task.pool for task in one_dag.tasks} <= {*pools(REGISTRY), "default_pool"}


def test_with_every_partner_hanging_the_rest_still_finds_a_slot(dag_bag: DagBag) -> None:
    """One task of a DAG works at a time, by its runs or by its pool: so many slots are all that can ever be used."""
    for dag in dag_bag.dags.values():
        used = {task.pool for task in dag.tasks}
        narrow = len(used) == 1 and used <= {*pools(REGISTRY)} and pools(REGISTRY)[used.pop()].slots == 1
        assert dag.max_active_runs == 1 or narrow, dag.dag_id
    assert lanes(REGISTRY) > len(dag_bag.dags)


def test_every_hint_has_a_clock_behind_it(one_dag: DAG) -> None:
    from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, DeltaTriggerTimetable

    timetable = one_dag.timetable
    clock = timetable.timetable if isinstance(timetable, AssetOrTimeSchedule) else timetable
    # Night falls once a day; everything else goes by the second.
    assert isinstance(clock, CronTriggerTimetable if one_dag.dag_id == "reconcile" else DeltaTriggerTimetable)


def test_assets_connect_the_steps(dag_bag: DagBag) -> None:
    def outlets(dag_id: str) -> set[str]:
        return {asset.uri for task in dag_bag.dags[dag_id].tasks for asset in task.outlets}

    def wakes(dag_id: str) -> set[str]:
        return {asset.uri for asset in dag_bag.dags[dag_id].timetable.asset_condition.objects}

    for source in REGISTRY.sources:
        assert outlets(f"ingest_{source.name}") == {"syncline://raw/loads"}
    for target in REGISTRY.targets:
        assert wakes(f"push_{target.name}") == outlets("resolve") == {"syncline://ops/outbox"}
        assert outlets(f"push_{target.name}") == {"syncline://ops/readings"}
    assert wakes("resolve") == {"syncline://raw/loads", "syncline://ops/readings"}
    assert outlets("reconcile") == {"syncline://raw/loads", "syncline://ops/reconciliations"}
    assert wakes("marts") == {"syncline://ops/reconciliations"}


def test_parsing_a_dag_file_imports_nothing_heavy() -> None:
    """Airflow parses each file again for every task: seconds here are seconds of every task."""
    code = (
        "import sys, runpy\n"
        "import airflow.sdk\n"
        "before = set(sys.modules)\n"
        "import resolve, ingest, push, deliver, marts, release_held, reconcile, tell_loops, audit, compensate\n"
        "new = set(sys.modules) - before\n"
        "print(sorted({name.partition('.')[0] for name in new} &"
        " {'pandas', 'dbt', 'great_expectations', 'requests', 'paramiko', 'fastapi'}))"
    )
    path = [str(ROOT / "dags"), str(ROOT / "plugins")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
