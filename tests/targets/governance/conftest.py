"""Workers of one target: each with its own connection to a real warehouse, all before one real HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from bench.limited import TOKEN, Limited, serving
from syncline.clock import Clock
from syncline.connections import Connection
from syncline.registry.models import Limits, Target
from syncline.targets.governance.shared import SharedGovernor
from syncline.warehouse.connect import connect_dsn


def entry(**limits: Any) -> Target:
    """A registry entry ``erp`` with ``limits``."""
    return Target.model_validate(
        {"name": "erp", "kind": "erp_api", "style": "delta", "sole_writer": True, "life_s": 30, "timeout_s": 4,
         "limits": limits}
    )  # fmt: skip


def connection(url: str, token: str = TOKEN) -> Connection:
    return Connection("erp", "http", url, password=token)


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """``call(0..count-1)`` in threads that begin together: results, or the errors they ended with, in order."""
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = call(number)
        except Exception as error:  # noqa: BLE001 - it is the result
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def limited() -> Iterator[Limited]:
    with serving(Limited()) as served:
        yield served


@pytest.fixture
def publisher(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[Callable[[], Any]]:
    """``publisher()``: another connection of that role."""
    opened: list[psycopg.Connection] = []

    def open_one() -> psycopg.Connection:
        opened.append(connect_dsn(warehouse_dsn("publisher"), name="publisher"))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def make_governor(publisher: Callable[[], Any]) -> Callable[..., SharedGovernor]:
    """``make_governor(sleep=..., login=..., circuit=..., per_s=...)``: a worker of ``erp`` whose login is let in."""

    def make(
        sleep: Callable[[float], None] = lambda _: None, login: str = TOKEN, *, trusted: bool = True, **limits: Any
    ) -> SharedGovernor:
        conn = publisher()
        made = SharedGovernor(conn, "erp", Limits.model_validate(limits), Clock(), "worker", sleep)
        made.login = made.fingerprint_of(connection("http://localhost", login))
        if trusted:
            conn.execute("update ops.target_limits set proven_logins = %s", ([made.login],))
        return made

    return make
