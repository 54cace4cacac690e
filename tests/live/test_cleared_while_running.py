"""Clear every task of every DAG twice while it runs and twice after it ran, in random order, while business goes on."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from tests.live.installation import WORK_S, Live
from tests.live.on_call import Row

from syncline.runtime.partners import Day

DAY = Day(seed=13, hours=3.5, rate=30.0)
pytestmark = pytest.mark.live
SEED = 53
TIMES = 2
WITHIN_S = 420.0  # the day; seen: 80 s on two cores that do other things too
MARTS_EVERY_S = 20.0
NEWEST = 5
Task = tuple[str, str]  # DAG, task


def every_task(live: Live) -> set[Task]:
    """(DAG, task) of the whole installation but for what waits for a person."""
    found = {(row["dag_id"], row["task_id"]) for row in live.on_call.tasks("~")}
    return {each for each in found if each[0] != "release_held"}


def clear_when_running(live: Live, left: Counter[Task], rng: random.Random) -> Row | None:
    """Clear one of the tasks that run at this moment and are still wanted."""
    running = [row for row in live.on_call.tasks("~", state="running") if left[row["dag_id"], row["task_id"]]]
    if not running:
        return None
    chosen = rng.choice(sorted(running, key=lambda row: (row["dag_id"], row["task_id"])))
    live.on_call.clear(chosen["dag_id"], chosen["dag_run_id"], chosen["task_id"])
    return chosen


def clear_after_its_end(live: Live, left: Counter[Task], rng: random.Random) -> Row | None:
    """Clear a random wanted task of one of the newest runs that ended well; there it succeeded or was skipped."""
    dag_id, task_id = rng.choice(sorted(left.elements()))
    ended = live.on_call.runs(dag_id, NEWEST, state="success")
    if not ended:
        return None
    run_id = rng.choice(ended)["dag_run_id"]
    live.on_call.clear(dag_id, run_id, task_id)
    return {"dag_id": dag_id, "task_id": task_id, "dag_run_id": run_id, "state": "ended"}


def test_every_task_cleared_while_batches_run(live: Live) -> None:
    """At the end everything is as if nobody had touched it.

    A running task that is cleared is stopped by its own heartbeat, a second later, wherever it is: between the effect
    and its acknowledgment too. Its run goes back to `queued` and waits for the other run of the DAG.
    """
    live.eventually(lambda: live.one("select 1 from ops.outbox where state = 'applied'"), "work", WORK_S)
    live.world.airflow.trigger("marts")
    live.eventually(lambda: len(every_task(live)) >= 11, "every DAG runs", 120)
    tasks = every_task(live)
    rng = random.Random(SEED)
    running, ended = Counter(dict.fromkeys(tasks, TIMES)), Counter(dict.fromkeys(tasks, TIMES))
    total = 2 * TIMES * len(tasks)
    end, marts_s = time.monotonic() + WITHIN_S, time.monotonic()
    while left := running.total() + ended.total():
        live.world.tend()
        now = time.monotonic()
        assert now < end, f"seed {SEED}: never caught running: {+running}; never cleared after: {+ended}"
        if now > marts_s and (running["marts", "build"] or ended["marts", "build"]):
            live.world.airflow.trigger("marts")
            marts_s = now + MARTS_EVERY_S
        for wanted, clear in ((running, clear_when_running), (ended, clear_after_its_end)):
            if wanted.total() and (row := clear(live, wanted, rng)):
                wanted[row["dag_id"], row["task_id"]] -= 1
                left -= 1
                live.say(f"{total - left} of {total}: {row['dag_id']}.{row['task_id']} cleared, was {row['state']}")
        time.sleep(0.1)
    # A task of resolve that was caught running had a batch in its hands.
    live.say(f"all cleared; the day is {live.twin.status()['phase']}")
    live.drain()
    live.eventually(lambda: not live.on_call.tasks("~", state="running"), "all is done", 120)
    assert live.red() == []
    live.assert_right()
    live.assert_true_to_the_truth()
    live.assert_rebuilds_to_the_same()
