"""The warehouse or every partner goes away for a while: one clear line in the log, and the next run catches up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.live.installation import Live
from tests.live.on_call import Row, eventually

from syncline.clock import clock_from_env
from syncline.registry import load_registry
from syncline.runtime.partners import Day
from syncline.runtime.progress import behind
from syncline.runtime.world import dag_ids

DAY = Day(seed=31, hours=4.0, rate=60.0)
pytestmark = pytest.mark.live


@contextmanager
def loader_locked_out(live: Live) -> Iterator[None]:
    """For the loader the warehouse is down: no login, and its sessions end."""
    live.warehouse.execute("alter role syncline_loader nologin")
    live.warehouse.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'syncline_loader'")
    try:
        yield
    finally:
        live.warehouse.execute("alter role syncline_loader login")


@contextmanager
def partners_frozen(live: Live) -> Iterator[None]:
    """Every partner takes connections and answers nothing."""
    (twin,) = [child.process for child in live.world.supervisor.children if child.name == "twin"]
    twin.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(twin.pid, signal.SIGCONT)


def error_lines(live: Live, task: Row, try_number: int) -> list[str]:
    rows = live.on_call.log(task, try_number)
    return [str(row["event"]) for row in rows if row.get("level") in ("error", "critical")]


def catch_up(live: Live) -> None:
    """Everything is read again after this moment."""
    now = clock_from_env(live.twin.env["SYNCLINE_CLOCK"]).now()
    registry = load_registry()
    eventually(lambda: behind(live.warehouse, registry, now) == 0, "every source and target is read again", 120)


def test_the_warehouse_is_down(live: Live) -> None:
    eventually(lambda: live.one("select 1 from ops.batches where state = 'released'"), "work", 120)
    with loader_locked_out(live):
        loads = live.one("select count(*) from raw.loads")
        run = eventually(lambda: live.on_call.runs("ingest_dc1_wms", 1, state="failed"), "a red ingest", 120)[0]
        (task,) = live.on_call.tasks("ingest_dc1_wms", run["dag_run_id"])
        assert live.one("select count(*) from raw.loads") == loads
    assert task["try_number"] == 4, "a warehouse that is away is tried again"
    told = [line for line in error_lines(live, task, 4) if line.startswith("ingest_dc1_wms.pull failed: ")]
    assert len(told) == 1
    assert "warehouse_loader" in told[0]
    assert "not permitted to log in" in told[0]
    assert "Next: " in told[0]
    assert error_lines(live, task, 4)[-1] == told[0]
    catch_up(live)
    eventually(lambda: live.one("select count(*) from raw.loads") > loads, "the load that waited", 60)


def given_up(live: Live) -> Row | None:
    """A task that waits for its next try."""
    waiting = (live.on_call.tasks(dag_id, state="up_for_retry") for dag_id in sorted(dag_ids()))
    return next((task for tasks in waiting for task in tasks), None)


def test_every_partner_is_silent(live: Live) -> None:
    """Seen: 20 s of silence are outlived inside the tasks and nobody notices; a minute costs some of them a try."""
    loads = live.one("select count(*) from raw.loads")
    with partners_frozen(live):
        task = eventually(lambda: given_up(live), "a task that gives up for now", 150)
    (report,) = [row for row in live.on_call.log(task, task["try_number"]) if row.get("error_detail")]
    error = report["error_detail"][0]
    assert error["exc_type"] == "PartnerUnavailable"
    assert "\n" not in error["exc_value"]
    assert "Next: " in error["exc_value"]
    told = [row["event"] for row in live.on_call.log(task, task["try_number"]) if row.get("level") == "warning"][-1]
    assert told.startswith(f"{task['dag_id']}.{task['task_id']} failed in try {task['try_number']} of 4, ")
    catch_up(live)
    assert live.one("select count(*) from raw.loads") > loads
    assert live.on_call.wait_for_run(task["dag_id"], task["dag_run_id"], 120) == "success"


def test_nothing_was_lost(live: Live) -> None:
    live.drain()
    live.assert_right()
