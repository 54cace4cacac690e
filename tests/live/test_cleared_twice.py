"""Clear every task of finished runs, twice, in any order: nothing changes anywhere and nothing is red."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import requests
from tests.live.installation import Live
from tests.live.on_call import eventually

from syncline.resolve.hashes import derived_hashes
from syncline.runtime.partners import Day
from syncline.runtime.world import dag_ids

DAY = Day(seed=9, hours=0.75, rate=60.0)
pytestmark = pytest.mark.live
SEED = 41
RUNS = 4
SETTLE_S = 300.0
TABLES = {
    "outbox": "select * from ops.outbox order by correction_id",
    "history": "select * from ops.outbox_history",
    "attempts": "select * from ops.push_attempts order by correction_id, try_no",
    "versions": "select * from ops.target_versions",
    "changes": "select * from ops.target_changes",
    "readings": "select * from ops.target_readings",
    "batches": "select * from ops.batches",
    "gate": "select * from ops.gate_results",
    "triggers": "select * from ops.key_triggers",
    "files": "select file_id, state, sha256 from ops.files",
    "exceptions": "select exception_id, rule, subject, state from ops.exceptions",
    "loads": "select * from raw.loads",
    "documents": "select document_id, load_id, sha256, status from raw.documents",
    "facts": "select fact_id, load_id, position from raw.facts",
}
RED = {"failed", "upstream_failed"}
TASKS = ("build", "gate", "release")
Chosen = tuple[str, str, str]  # DAG, run, task


def shop_changes(live: Live) -> list[dict[str, Any]]:
    """The shop's whole change list over its API; a fault of the twin is asked again."""
    shop = json.loads(live.twin.env["AIRFLOW_CONN_SHOP"])
    url = f"http://{shop['host']}:{shop['port']}/shop/v1/changes"
    headers = {"Authorization": f"Bearer {shop['password']}"}

    def page() -> dict[str, Any] | None:
        try:
            answer = requests.get(url, params={"after": position, "limit": 500}, headers=headers, timeout=10)
            return dict(answer.json()) if answer.ok else None
        except (requests.ConnectionError, requests.Timeout, ValueError):
            return None

    found: list[dict[str, Any]] = []
    has_more, position = True, 0
    while has_more:
        told = eventually(page, "the shop's change list", 30)
        found += told["changes"]
        has_more, position = told["has_more"], found[-1]["position"]
    return found


def everything(live: Live) -> dict[str, Any]:
    """All that must not change: what was derived, decided, sent and received, and the books of both targets."""
    seen: dict[str, Any] = dict(derived_hashes(live.warehouse))
    seen |= {name: sorted(map(repr, live.warehouse.execute(query))) for name, query in TABLES.items()}
    seen["erp"] = live.books.execute("select * from erp.changes order by position").fetchall()
    seen["shop"] = shop_changes(live)
    return seen


def old_batches(live: Live) -> list[Chosen]:
    """The tasks that worked on a batch which is released since, of the newest runs that had one."""
    tasks = live.on_call.tasks("resolve", state="success", order_by="-start_date")
    runs = list(dict.fromkeys(each["dag_run_id"] for each in tasks if each["task_id"] == "release"))[:RUNS]
    return [("resolve", each["dag_run_id"], each["task_id"]) for each in tasks if each["dag_run_id"] in runs]


def finished(live: Live) -> list[Chosen]:
    """(DAG, run, task) of the newest runs of every DAG that did something, and of the newest that did not."""
    chosen = []
    for dag_id in sorted(dag_ids()):
        for state in ("success", "skipped"):
            tasks = live.on_call.tasks(dag_id, state=state, order_by="-start_date")
            runs = list(dict.fromkeys(task["dag_run_id"] for task in tasks))[:RUNS]
            chosen += [(dag_id, each["dag_run_id"], each["task_id"]) for each in tasks if each["dag_run_id"] in runs]
    return chosen


def unfinished(live: Live, cleared: list[Chosen]) -> list[tuple[str, str]]:
    """Runs among ``cleared`` that are not at their end."""
    ours = {(dag_id, run_id) for dag_id, run_id, _ in cleared}
    return [
        (dag_id, run["dag_run_id"])
        for dag_id in sorted({dag_id for dag_id, _ in ours})
        for state in ("queued", "running")
        for run in live.on_call.runs(dag_id, state=state)
        if (dag_id, run["dag_run_id"]) in ours
    ]


def clear_and_wait(live: Live, chosen: list[Chosen], before: dict[str, Any]) -> None:
    """Clear every one by itself, in this order; at the end nothing is red and nothing has changed."""
    for dag_id, run_id, task_id in chosen:
        assert live.on_call.clear(dag_id, run_id, task_id) == 1
    eventually(lambda: not unfinished(live, chosen), "the cleared runs end", SETTLE_S)
    every = [task for dag_id in sorted(dag_ids()) for task in live.on_call.tasks(dag_id)]
    assert [(task["dag_id"], task["dag_run_id"], task["task_id"]) for task in every if task["state"] in RED] == []
    live.drain()
    after = everything(live)
    assert {name: after[name] for name in after if after[name] != before[name]} == {}


def test_clearing_everything_twice_changes_nothing(live: Live) -> None:
    """First one task of each old batch at a time, without the ones above it; then everything twice, in random order.

    Seen: a cleared run goes back to `queued`, also when only one of its tasks was cleared, and waits there until no
    other run of its DAG is active (max_active_runs); 60 cleared runs are through in 40 s, scheduled ones in between.
    A cleared `open_batch` finds nothing pending and is skipped, and so are the tasks below it: clearing a whole old
    run turns it from green to skipped. Only a task cleared alone works on the old batch again; so both are tried.
    """
    live.drain()
    assert live.world.airflow.run("marts", 120) == "success"
    live.drain()
    live.assert_right()
    before = everything(live)
    chosen = finished(live)
    assert {dag_id for dag_id, _, _ in chosen} == dag_ids()
    rng = random.Random(SEED)
    alone = {task_id: [each for each in old_batches(live) if each[2] == task_id] for task_id in TASKS}
    for task_id in rng.sample(TASKS, len(TASKS)):
        assert len(alone[task_id]) > 1
        clear_and_wait(live, alone[task_id], before)
        again = [live.on_call.task(*each) for each in alone[task_id]]
        assert {task["state"] for task in again} == {"success"}
        assert all(task["try_number"] > 1 for task in again)
    for _ in range(2):
        rng.shuffle(chosen)
        clear_and_wait(live, chosen, before)
