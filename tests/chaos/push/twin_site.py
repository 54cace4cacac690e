"""The twin's ERP and shop as sites: real row locks and deadlocks, versions, complete lists of changes."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from tests.chaos.push import plan
from tests.chaos.push.site import Key, Landed, Site, policy

from syncline.clock import Clock
from syncline.connections import Connection
from syncline.registry import Target
from syncline.twin.erp_books import CHANGE_LIST_LOCK
from syncline.twin.faults import Faults
from syncline.twin.schedule import Day
from syncline.twin.server import Settings, Twin, running
from syncline.twin.vendors.book import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STANDING = 1e-6  # the twin's day stands still: nothing moves but us, the faults and the plan
KEYS_MAX = 240
RETRIES = 200  # of what the plan does to the ERP while Postgres is away, a tenth of a second apart


class Loop:
    """The twin's event loop, in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def call(self, function: Callable[[], Any]) -> Any:
        """In the loop: the shop's book is touched by no other thread."""

        async def run() -> Any:
            return function()

        return self.run(run())

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@contextmanager
def twin_sites(names: tuple[str, ...], seed: int, keys: int, dsn: str, files: Path) -> Iterator[list[Site]]:
    """``names`` of erp and shop. ``dsn``: an empty database of the ERP's."""
    faults = Faults.none(**plan.TWIN_RATES, row_lock_hold_real_s=0.3)
    day = Day(seed=seed % 2**31, hours=2.0)
    clock = Clock(day.start + timedelta(minutes=5), time.time(), STANDING)
    loop = Loop()
    try:
        context = running(Settings(dsn, day, faults, clock, files))
        twin = loop.run(context.__aenter__())
        try:
            made = {"erp": _erp, "shop": _shop}
            yield [made[name](twin, loop, faults, dsn, min(keys, KEYS_MAX)) for name in names]
        finally:
            loop.run(context.__aexit__(None, None, None))
    finally:
        loop.close()


def _calm(faults: Faults) -> None:
    for rate in plan.TWIN_RATES:
        object.__setattr__(faults, rate, 0.0)  # one object, held by all that draws


def _reached(twin: Twin, name: str, style: str) -> tuple[Target, Connection]:
    value = json.loads(twin.env[f"AIRFLOW_CONN_{name.upper()}"])
    entry = Target.model_validate(
        {"name": name, "kind": f"{name}_api", "conn_id": name, "style": style, "sole_writer": False, "life_s": 30,
         "not_executed": (423, 429), "timeout_s": 5}
    )  # fmt: skip
    return entry, Connection(name, "http", value["host"], value["port"], password=value["password"])


def _erp(twin: Twin, loop: Loop, faults: Faults, dsn: str, keys: int) -> Site:
    books, count = twin.serving.erp, Counter[str]()
    collide = books.rival
    assert collide is not None

    def rival(rows: list[Key]) -> None:
        count["document"] += 1
        collide(rows)

    books.rival = rival
    entry, connection = _reached(twin, "erp", "delta")
    places = tuple(sorted(twin.serving.world.erp_opening))[:keys]

    def effects() -> list[Landed]:
        with psycopg.connect(dsn) as conn:
            rows = conn.execute(
                "select item, location, delta, quantity_after, reference from erp.changes order by position"
            ).fetchall()
        return [Landed(Effect(*row), 0.0) for row in rows]

    def numbers() -> dict[Key, int]:
        with psycopg.connect(dsn) as conn:
            found = conn.execute("select item, location, quantity from erp.balances").fetchall()
        return {(item, location): quantity for item, location, quantity in found if (item, location) in places}

    return Site(
        "erp", entry, connection, policy("erp", entry, connection, False), places, "correction",
        documents=lambda: count["document"], numbers=numbers, effects=effects,
        outside=lambda key, delta: _erp_outside(dsn, key, delta), calm=lambda: _calm(faults),
        faults=lambda: Counter(twin.serving.world.count.injected),
    )  # fmt: skip


def _erp_outside(dsn: str, key: Key, delta: int) -> None:
    """A clerk adjusts a balance; when Postgres is away, as soon as it is back."""
    for _ in range(RETRIES):
        try:
            with psycopg.connect(dsn) as conn:
                row = conn.execute(
                    "update erp.balances set quantity = quantity + %s where (item, location) = (%s, %s) "
                    "returning quantity",
                    (delta, *key),
                ).fetchone()
                assert row is not None
                conn.execute("select pg_advisory_xact_lock(%s)", (CHANGE_LIST_LOCK,))
                conn.execute(
                    "insert into erp.changes select coalesce(max(position), 0) + 1, %s, %s, 'outside', %s, %s, null, "
                    "max(changed_ms) from erp.changes",
                    (*key, delta, row[0]),
                )
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise TimeoutError("the ERP's books do not come back")


def _shop(twin: Twin, loop: Loop, faults: Faults, dsn: str, keys: int) -> Site:
    shop, now_ms = twin.serving.world.shop, twin.serving.now_ms
    entry, connection = _reached(twin, "shop", "set")
    places = tuple(sorted(twin.serving.world.shop_opening))[:keys]

    def changes() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = loop.call(lambda: shop.changes(0, 10**9)[0])
        return found

    def effects() -> list[Landed]:
        return [
            Landed(
                Effect(each["sku"], each["location"], each["delta"], each["available_after"], each["reference"]), 0.0
            )
            for each in changes()
        ]

    def steer(key: Key, delta: int) -> None:
        loop.call(lambda: shop.steer(*key, max(0, shop.available(*key) + delta), now_ms()))

    return Site(
        "shop", entry, connection, policy("shop", entry, connection, False), places, "correction",
        # The keys of documents that came: one that is sent again counts once.
        documents=lambda: len(shop._keys),
        numbers=lambda: loop.call(lambda: {key: shop.available(*key) for key in places}),
        effects=effects, outside=steer, calm=lambda: _calm(faults),
        faults=lambda: Counter(twin.serving.world.count.injected),
    )  # fmt: skip
