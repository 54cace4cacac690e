"""Kill the push between send and acknowledgment, clear it in Airflow: the ERP changed once."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from tests.live.installation import Live
from tests.live.on_call import eventually

from syncline.runtime.partners import Day

# Half of all answers take three seconds, so that there is time to die between the effect and its acknowledgment.
DAY = Day(seed=5, hours=1.5, rate=60.0, faults="default,drip=0.5,drip_real_s=3.0")
pytestmark = pytest.mark.live
UNDER_WAY = """
select a.correction_id from ops.push_attempts a join ops.outbox o using (correction_id)
where o.target = 'erp' and o.state = 'sent' and a.answered_at is null and a.try_no = o.tries
"""


def under_way(live: Live) -> set[str]:
    """Corrections whose ERP request has no answer yet."""
    return {row[0] for row in live.warehouse.execute(UNDER_WAY)}


def kill_between_effect_and_answer(live: Live) -> tuple[set[str], dict[str, Any]]:
    """SIGKILL the push task once its request took effect and before it heard so; the corrections and the task."""

    def look() -> tuple[set[str], dict[str, Any]] | None:
        sent = under_way(live)
        posted = live.books.execute("select reference from erp.changes where reference = any(%s)", (list(sent),))
        if not sent or {row[0] for row in posted} != sent:
            return None
        tasks = [task for task in live.on_call.tasks("push_erp", state="running") if task["pid"]]
        if len(tasks) != 1 or under_way(live) != sent:
            return None
        (scheduler,) = [child for child in live.world.supervisor.children if child.name == "airflow-scheduler"]
        assert os.getsid(tasks[0]["pid"]) == scheduler.process.pid, "not a process of ours"
        os.kill(tasks[0]["pid"], signal.SIGKILL)
        return sent, tasks[0]

    return eventually(look, "an ERP request without an answer", 180)


def has_noticed(live: Live, killed: dict[str, Any]) -> bool:
    now = live.on_call.task("push_erp", killed["dag_run_id"], "push")
    return bool(now["state"] != "running" or now["pid"] != killed["pid"])


def test_killed_between_effect_and_answer_and_cleared(live: Live) -> None:
    """Three times in a day, then clear the finished task once more.

    Seen: the supervisor of the task notices the kill within a second and sets it `up_for_retry`; clearing it then
    starts the retry at once. The next push waits for the lease of the dead one inside its run.
    """
    killed: set[str] = set()
    cleared: list[str] = []
    for _ in range(3):
        sent, task = kill_between_effect_and_answer(live)
        assert under_way(live) >= sent, "the kill came after the answer was stored"
        run_id = task["dag_run_id"]
        eventually(lambda task=task: has_noticed(live, task), "Airflow notices the kill", 60)
        assert live.on_call.clear("push_erp", run_id, "push") == 1
        assert live.on_call.wait_for_run("push_erp", run_id, 120) == "success"
        states = live.warehouse.execute(
            "select distinct state from ops.outbox where correction_id = any(%s)", (list(sent),)
        ).fetchall()
        assert states == [("applied",)]
        killed |= sent
        cleared.append(run_id)
    live.drain()
    # The acknowledgment really was lost: what settled these is the change list, or a resend under the same id.
    lost = live.one(
        "select count(distinct correction_id) from ops.push_attempts "
        "where correction_id = any(%s) and answered_at is null",
        list(killed),
    )
    assert lost == len(killed)
    live.assert_right()
    before = live.books.execute("select * from erp.changes order by position").fetchall()
    for run_id in cleared:
        live.on_call.clear("push_erp", run_id, "push")
        assert live.on_call.wait_for_run("push_erp", run_id, 120) == "success"
    assert live.books.execute("select * from erp.changes order by position").fetchall() == before
    live.assert_right()
