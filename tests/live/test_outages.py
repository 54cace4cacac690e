"""The warehouse or every partner goes away for a while: one clear line in the log, and the next run catches up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.live.installation import Live
from tests.live.on_call import Row, eventually

from syncline.clock import clock_from_env
from syncline.registry import load_registry
from syncline.runtime.partners import Day
from syncline.runtime.progress import behind

DAY = Day(seed=31, hours=3.5, rate=60.0)
pytestmark = pytest.mark.live
PARTNERS_DOWN_S = 20.0


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


def test_every_partner_is_silent(live: Live) -> None:
    """Seen: a WMS poll outlives the freeze by its own retries; an SFTP session or a push may be tried again."""
    started = time.monotonic()
    with partners_frozen(live):
        time.sleep(PARTNERS_DOWN_S)
    catch_up(live)
    assert time.monotonic() - started < PARTNERS_DOWN_S + 120
    for dag_id in sorted(dag_id for dag_id in ("push_erp", "push_shop", "ingest_dc1_wms", "ingest_acme_3pl")):
        for task in live.on_call.tasks(dag_id, state="failed"):
            told = error_lines(live, task, task["try_number"])[-1]
            assert told.startswith(f"{dag_id}.")
            assert "Next: " in told


def test_nothing_was_lost(live: Live) -> None:
    live.drain()
    live.assert_right()
