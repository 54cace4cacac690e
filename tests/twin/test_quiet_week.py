"""The closed loop ERP ↔ Syncline ↔ shop at its fixed point: after one cycle a quiet week pushes nothing.

Real landing, dbt, release and push, against the twin's HTTP. Nothing happens outside; our own changes come back through
both lists, and every day reads them to their ends.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from syncline import resolve
from syncline.clock import Clock
from syncline.connections import Connection
from syncline.outbox.release import release
from syncline.registry import Breakers, load_registry
from syncline.targets.adapters import open_adapter
from syncline.targets.cycle import run_push
from syncline.targets.policy import TargetPolicy
from syncline.twin.faults import Faults
from syncline.twin.feeding import feed, instant
from syncline.twin.schedule import Day
from syncline.twin.server import Settings, Twin, running
from syncline.twin.week import large_day
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

SEED = 11
DAYS = 7
STANDING = 1e-6
UNBOUND = Breakers(
    keys_min=10**9, keys_max=10**9, units_max=10**9, value_max=10**12, zero_keys_min=10**9, zero_keys_max=10**9
)


@contextmanager
def served(server: embedded.Server, day: Day, now_ms: int, files: Path) -> Iterator[Twin]:
    """The twin of ``day``, which has stood still at ``now_ms`` since."""
    name = f"twin_quiet_{time.monotonic_ns()}"
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    with connect_dsn(server.dsn()) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        clock = Clock(instant(now_ms), time.time(), STANDING)
        context = running(Settings(server.dsn(name), day, Faults.none(), clock, files))
        thread.start()
        twin = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(60)
        try:
            yield twin
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(60)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def push(dsn: str, twin: Twin, target: str, clock: Clock) -> dict[str, int]:
    entry = next(each for each in load_registry().targets if each.name == target)
    value = json.loads(twin.env[f"AIRFLOW_CONN_{target.upper()}"])
    adapter = open_adapter(
        entry, Connection(target, "http", value["host"], value["port"], password=value["password"])
    )  # fmt: skip
    with connect_dsn(dsn, name="publisher") as publisher:
        try:
            return run_push(publisher, adapter, TargetPolicy.of(entry, adapter.capabilities), clock, "test")
        finally:
            adapter.close()


def batch(owner: psycopg.Connection, dsn: str, publisher_dsn: str, clock: Clock, folder: Path) -> Any:
    """One batch through build and release; None when nothing waits for one."""
    opened = resolve.open_batch(owner, clock.now())
    if opened is None:
        return None
    resolve.build(owner, dsn, opened.batch_id, folder)
    owner.execute("insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}')", (opened.batch_id,))
    with connect_dsn(publisher_dsn, name="publisher") as publisher:
        return release(publisher, opened.batch_id, clock.now(), {"erp": UNBOUND, "shop": UNBOUND})


@pytest.mark.deep
def test_a_quiet_week_pushes_nothing_after_one_cycle(
    server: embedded.Server, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    day = large_day(SEED, days=0.25, events=400, items=20)
    # The owner lands, decides and builds here; what it builds the publisher reads.
    warehouse.execute("alter default privileges grant select on tables to syncline_publisher")
    fed = feed(warehouse, warehouse_dsn("owner"), day, Faults.none(), lambda _: None)
    sent: list[int] = []
    with served(server, day, fed.now_ms, tmp_path / "files") as twin:
        for number in range(1 + DAYS):
            # A day later: what is read again by then is read again, and nobody has done anything.
            clock = Clock(instant(fed.now_ms) + timedelta(days=number), time.time())
            pushed = [push(warehouse_dsn("publisher"), twin, target, clock) for target in ("erp", "shop")]
            released = batch(
                warehouse, warehouse_dsn("owner"), warehouse_dsn("publisher"), clock, tmp_path / "dbt"
            )  # fmt: skip
            pushed += [push(warehouse_dsn("publisher"), twin, target, clock) for target in ("erp", "shop")]
            sent.append(sum(each["sent"] for each in pushed))
            assert number == 0 or released is None or released.pending + released.held == 0, f"day {number}: {released}"
    assert sent[0] > 0, f"seed {SEED}: nothing was wrong at first, so nothing is shown"
    assert sent[1:] == [0] * DAYS, f"seed {SEED}: corrections sent on each day: {sent}"
    assert warehouse.execute("select array_agg(distinct state) from ops.outbox where tries > 0").fetchone() == (
        ["applied"],
    )
