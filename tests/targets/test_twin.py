"""Push against the twin: row locks and deadlocks of a real Postgres, lost answers, 5xx, 429, cut bodies."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg import sql

from syncline.clock import Clock
from syncline.errors import PartnerUnavailable
from syncline.twin.faults import Faults
from syncline.twin.schedule import Day
from syncline.twin.server import Settings, Twin, running
from syncline.warehouse import embedded

MakeLoop = Callable[..., Any]
STANDING = 1e-6  # the twin's day stands still: no orders, nothing moves but us and the faults
HARSH = {
    "lost_request": 0.08,
    "lost_answer": 0.08,
    "server_error": 0.06,
    "error_after": 0.06,
    "throttled": 0.04,
    "cut_body": 0.05,
}


@pytest.fixture
def twin(server: embedded.Server, tmp_path: Path) -> Iterator[Twin]:
    """A twin with many faults and ERP jobs that lock rows all the time."""
    name = f"twin_push_{time.monotonic_ns()}"
    day = Day(seed=11, hours=2.0)
    faults = Faults(**HARSH, row_lock_jobs_per_min=60.0, row_lock_hold_real_s=0.7, drip=0.0)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        clock = Clock(day.start + timedelta(minutes=5), time.time(), STANDING)
        context = running(Settings(server.dsn(name), day, faults, clock, tmp_path))
        thread.start()
        started = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(20)
        try:
            yield started
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(20)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def all_changes(url: str, token: str, target: str) -> list[dict[str, Any]]:
    """The twin's own list, read past its faults."""
    for _ in range(50):
        try:
            answer = requests.get(
                f"{url}/{target}/v1/changes",
                params={"limit": 1000},
                headers={"Authorization": f"Bearer {token}"},
                timeout=5,
            )
            if answer.status_code == 200:
                body = answer.json()
                assert not body["has_more"]
                return list(body["changes"])
        except (requests.RequestException, ValueError):
            time.sleep(0.05)
    raise AssertionError("the twin never answered")


@pytest.mark.parametrize("target", ["erp", "shop"])
def test_the_twin_shows_the_truth_and_each_correction_took_effect_once(
    make_loop: MakeLoop, twin: Twin, target: str
) -> None:
    value = json.loads(twin.env[f"AIRFLOW_CONN_{target.upper()}"])
    served = (f"http://{value['host']}:{value['port']}", value["password"])
    item = "item" if target == "erp" else "sku"
    opening = {(c[item], c["location"]): c for c in all_changes(*served, target)}
    shown = "quantity_after" if target == "erp" else "available_after"
    truth = {key: change[shown] + (number % 3) for number, (key, change) in enumerate(sorted(opening.items()))}
    loop = make_loop(target, {}, truth, served=served, call_s=4.0, lease_s=5.0, run_s=20.0, tries_max=12, trouble_max=6)
    cycles = 0
    while cycles < 8:
        cycles += 1
        try:
            done = loop.push()
        except PartnerUnavailable:
            continue
        if (
            loop.release().pending == 0
            and done["sent"] == 0
            and not set(loop.states()) & {"pending", "sent", "unknown"}
        ):
            break
    changes = all_changes(*served, target)
    now = {(c[item], c["location"]): c[shown] for c in changes}
    assert now == truth
    references = [c["reference"] for c in changes if c["reference"]]
    assert len(references) == len(set(references)) == sum(1 for number in range(len(truth)) if number % 3)
    assert loop.states() == {"applied": len(references)}
