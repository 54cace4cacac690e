"""A breaker trips: Airflow asks, the lane goes on meanwhile, and an answer through Airflow lets the corrections go."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.installation import Live
from tests.live.on_call import Row, eventually

from syncline.edi.partners import partners_folder
from syncline.registry import registry_path
from syncline.runtime.partners import Day

DAY = Day(seed=41, hours=1.5, rate=60.0)
pytestmark = pytest.mark.live
TIGHT = "life_s: 30\n    breakers: {keys_max: 0}"


@pytest.fixture(scope="module", autouse=True)
def tight() -> Iterator[Path]:
    """A registry in which the ERP may not be changed at all without a person; the shop may."""
    folder = Path(tempfile.mkdtemp(prefix="syncline-registry-"))
    shutil.copytree(partners_folder(), folder / "partners")
    before = os.environ.get("SYNCLINE_REGISTRY")
    path = folder / "registry.yml"
    path.write_text(re.sub(r"life_s: 30", TIGHT, registry_path().read_text(encoding="utf-8"), count=1))
    os.environ["SYNCLINE_REGISTRY"] = str(path)
    try:
        yield path
    finally:
        if before is None:
            del os.environ["SYNCLINE_REGISTRY"]
        else:
            os.environ["SYNCLINE_REGISTRY"] = before
        shutil.rmtree(folder)


def asked_again(live: Live, run: str, tries: int) -> list[Row]:
    """The questions, once the task of this run waits in a later try than ``tries``."""
    task = live.on_call.task("release_held", run, "ask/0")
    waits = task["state"] == "awaiting_input" and task["try_number"] > tries
    return live.on_call.questions("release_held") if waits else []


def test_a_person_answers_in_airflow_and_the_corrections_flow(live: Live, tight: Path) -> None:
    trip_id = eventually(lambda: live.one("select trip_id from ops.breaker_trips where state = 'open'"), "a trip", 300)
    (question,) = eventually(lambda: live.on_call.questions("release_held"), "a question", 300)
    assert question["subject"] == f"Breaker {trip_id}: too many keys, erp at every location"
    assert "**Largest changes**" in question["body"]
    assert live.one("select count(*) from ops.exceptions where rule = 'breaker' and state = 'open'") == 1
    run = question["task_instance"]["dag_run_id"]
    assert live.on_call.task("release_held", run, "ask/0")["state"] == "awaiting_input"

    # The lane goes on: newer batches are released, the shop is corrected, and the ERP gets nothing.
    newest = live.one("select max(batch_id) from ops.batches where state = 'released'")
    eventually(lambda: live.one("select max(batch_id) from ops.batches where state = 'released'") > newest, "work", 300)
    eventually(lambda: live.one("select 1 from ops.outbox where (target, state) = ('shop', 'applied')"), "a shop", 300)
    assert live.one("select count(*) from ops.outbox where target = 'erp' and state <> 'held' and tries > 0") == 0
    assert live.one("select count(*) from ops.breaker_trips") == 1

    # Cleared while it waits, twice, the question stands anew, once.
    for task_id in ("ask", "find"):
        tries = live.on_call.task("release_held", run, "ask/0")["try_number"]
        live.on_call.clear("release_held", run, task_id, downstream=True)
        (question,) = eventually(lambda tries=tries: asked_again(live, run, tries), "the question again", 120)
    assert live.one("select count(*) from ops.breaker_trips where state = 'open'") == 1

    # From now on the ERP has its ordinary bounds: the next release reads the file.
    tight.write_text(tight.read_text(encoding="utf-8").replace(TIGHT, "life_s: 30"), encoding="utf-8")
    live.on_call.answer(question, "Approve", note="looked at it")
    assert live.on_call.wait_for_run("release_held", run, 300) == "success"
    assert live.one("select (state, decided_by, note) from ops.breaker_trips where trip_id = %s", trip_id) == (
        "released", "admin", "looked at it",
    )  # fmt: skip
    flowed = "select 1 from ops.outbox where (target, state) = ('erp', 'applied')"
    eventually(lambda: live.one(flowed), "what was held reaches the ERP", 300)

    # Each task cleared twice, the decision stands and nothing is asked.
    for task_id in ("ask", "find", "find", "ask"):
        live.on_call.clear("release_held", run, task_id, downstream=True)
        assert live.on_call.wait_for_run("release_held", run, 300) == "success"
    assert live.on_call.questions("release_held") == []
    assert live.one("select count(*) from ops.breaker_trips") == 1
    live.drain()
    live.assert_right()
