"""SIGKILL to scheduler, workers, API server and DAG processor while batches run: nobody has to help."""

from __future__ import annotations

import os
import random
import re
import signal
import time

import psutil
import pytest
from tests.live.installation import WORK_S, Live
from tests.live.on_call import OnCall

from syncline.runtime.airflow import SCHEDULER
from syncline.runtime.partners import Day
from syncline.runtime.supervisor import Child

DAY = Day(seed=17, hours=8.0, rate=60.0)
pytestmark = pytest.mark.live
SEED = 67
WAIT_MAX_S = 15.0
BACK_S = 300.0
VICTIMS = ("busy worker", SCHEDULER, "idle workers", "airflow-api-server", "airflow-dag-processor", SCHEDULER)


def scheduler(live: Live) -> Child:
    return live.world.supervisor.child(SCHEDULER)


def workers(live: Live, *, busy: bool) -> list[psutil.Process]:
    """LocalExecutor's workers: children of the scheduler; a busy one has a task's process below it."""
    found = []
    for process in psutil.Process(scheduler(live).process.pid).children():
        try:
            if "LocalExecutor" in " ".join(process.cmdline()) and bool(process.children()) is busy:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return sorted(found, key=lambda process: process.pid)


def kill(live: Live, victim: str, rng: random.Random) -> list[int]:
    """SIGKILL; the pids that were killed."""
    if victim == "busy worker":
        busy = live.eventually(lambda: workers(live, busy=True), "a busy worker", 60)
        chosen = [rng.choice(busy).pid]
    elif victim == "idle workers":
        # One of them holds the lock of the queue: all but one die, so it is very likely among them.
        chosen = [process.pid for process in workers(live, busy=False)[:-1]]
    else:
        chosen = [live.world.supervisor.child(victim).process.pid]
    for pid in chosen:
        os.kill(pid, signal.SIGKILL)
    return chosen


def is_through(live: Live, load_id: int, batch_id: int) -> bool:
    """Something landed and something was released after these."""
    return bool(
        live.one("select count(*) from raw.loads where load_id > %s", load_id)
        and live.one("select count(*) from ops.batches where state = 'released' and batch_id > %s", batch_id)
    )


def unfinished(live: Live, on_call: OnCall) -> list[tuple[str, str]]:
    """Tasks that a dead scheduler or worker left: running or queued for longer than the slowest one takes."""
    return [
        (row["dag_id"], row["dag_run_id"])
        for state in ("running", "queued", "restarting")
        for row in on_call.tasks("~", state=state)
        if row["queued_when"] and time.time() - _epoch(row["queued_when"]) > BACK_S
    ]


def _epoch(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


def test_killed_at_random_and_nobody_helps(live: Live) -> None:
    """Each victim dies at a seeded moment; from a new load to a new release all flows again, without a person."""
    live.eventually(lambda: live.one("select 1 from ops.outbox where state = 'applied'"), "work", WORK_S)
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    for victim in VICTIMS:
        moment = time.monotonic() + rng.uniform(1, WAIT_MAX_S)
        live.eventually(lambda moment=moment: time.monotonic() > moment, "the moment", 60)
        session = scheduler(live).process.pid
        load_id = live.one("select max(load_id) from raw.loads")
        batch_id = live.one("select max(batch_id) from ops.batches where state = 'released'")
        heard = len(live.heard)
        killed = kill(live, victim, rng)
        live.say(f"killed: {victim}, {len(killed)} processes")
        began = time.monotonic()
        live.eventually(lambda load=load_id, batch=batch_id: is_through(live, load, batch), f"after {victim}", BACK_S)
        live.say(f"flows again after {time.monotonic() - began:.0f} s")
        if victim in (SCHEDULER, "airflow-api-server", "airflow-dag-processor"):
            live.eventually(lambda heard=heard: len(live.heard) >= heard + 3, "a word about it", 60)
            told = live.heard[heard:]
            assert re.match(rf"{victim} ended with code -9 after \d+ s: ", told[0]), told
            assert told[1] == f"{victim} starts again in 1 s (1 of 5)" or "(2 of 5)" in told[1], told
            assert re.match(rf"{victim} runs again, pid \d+", told[2]), told
            if victim == SCHEDULER:
                assert [pid for pid in psutil.pids() if _session(pid) == session] == []
    live.eventually(lambda: not unfinished(live, live.on_call), "every task that was left behind is taken up", 120)


def test_at_the_end_everything_is_right(live: Live) -> None:
    live.drain()
    assert live.red() == []
    live.assert_right()
    live.assert_true_to_the_truth()
    live.assert_rebuilds_to_the_same()


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
