"""A critical rule fails: everybody sees the held batch, nothing is released, and clearing goes on once it is mended."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.live.installation import Live
from tests.live.on_call import Row, eventually

from syncline.home import project_root
from syncline.runtime.environment import build
from syncline.runtime.partners import Day

DAY = Day(seed=21, hours=1.5, rate=60.0)
pytestmark = pytest.mark.live
HELD = "select batch_id from ops.batches where state = 'held'"


def apply_configuration(live: Live, folder: Path) -> str:
    """`syncline config apply` as a person runs it against this installation; what it printed."""
    command = [str(Path(sys.executable).parent / "syncline"), "config", "apply", "--folder", str(folder)]
    environment = build(live.world.installation, live.twin.env)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def failed_at_the_gate(live: Live) -> Row | None:
    """The red gate of the newest failed run of resolve."""
    for run in live.on_call.runs("resolve", 5, state="failed"):
        states = {task["task_id"]: task for task in live.on_call.tasks("resolve", run["dag_run_id"])}
        if states["gate"]["state"] == "failed" and states["release"]["state"] == "upstream_failed":
            return states["gate"]
    return None


def test_a_subscriber_that_is_no_target_holds_the_batch_until_it_is_gone(live: Live, tmp_path: Path) -> None:
    """Somebody applies, without `syncline check`, a subscription for which the registry has no target.

    Seen: every run of resolve takes the held batch up again, builds it and is red at the gate, every 15 s and at every
    load, until the cause is gone; a cleared run waits in `queued` while another one is active (max_active_runs).
    """
    eventually(lambda: live.one("select 1 from ops.batches where state = 'released' and corrections > 0"), "work", 120)
    seeds = tmp_path / "seeds"
    shutil.copytree(project_root() / "dbt_project" / "seeds", seeds)
    with (seeds / "subscriptions.csv").open("a", encoding="utf-8") as rules:
        rules.write("bazaar,books,DC1,A,live,hold\n")
    assert "subscriptions" in apply_configuration(live, seeds)

    batch_id = eventually(lambda: live.one(HELD), "a held batch", 120)
    gate = eventually(lambda: failed_at_the_gate(live), "a run that is red at the gate", 60)
    note = live.one("select note from ops.batches where batch_id = %s", batch_id)
    assert "target_is_ours" in note
    assert live.one("select count(*) from ops.exceptions where rule = 'gate.critical' and state = 'open'") == 1
    last = [row for row in live.on_call.log(gate, gate["try_number"]) if row.get("level") == "error"][-1]["event"]
    assert last.startswith(f"resolve.gate failed: Batch {batch_id} is held: ")
    assert "target_is_ours" in last
    assert "Next: " in last
    assert gate["try_number"] == 1, "a held batch is for a person: no retry"

    # It stays shut while loads go on landing.
    loads = live.one("select count(*) from raw.loads")
    eventually(lambda: live.one("select count(*) from raw.loads") > loads, "another load", 60)
    assert live.one(HELD) == batch_id
    assert live.one("select count(*) from ops.outbox where batch_id >= %s", batch_id) == 0
    assert live.one("select max(batch_id) from ops.batches") == batch_id

    apply_configuration(live, project_root() / "dbt_project" / "seeds")
    assert live.on_call.clear("resolve", gate["dag_run_id"], "build", downstream=True) == 3
    assert live.on_call.wait_for_run("resolve", gate["dag_run_id"], 180) == "success"
    states = {task["task_id"]: task["state"] for task in live.on_call.tasks("resolve", gate["dag_run_id"])}
    assert states == dict.fromkeys(("open_batch", "build", "gate", "release"), "success")
    assert live.one("select (state, note) from ops.batches where batch_id = %s", batch_id) == ("released", None)
    assert live.one("select count(*) from ops.exceptions where rule = 'gate.critical' and state = 'open'") == 0

    live.drain()
    live.assert_right()
    assert live.one("select count(*) from ops.target_versions where target = 'bazaar'") == 0
