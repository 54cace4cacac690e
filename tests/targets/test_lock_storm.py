"""Eight workers at an ERP that locks items until it commits: in a circle without lanes and order, never with them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from bench.storm import WORKERS, storm

SEED, ITEMS = 3, 12


def test_lanes_and_key_order_never_lock_in_a_circle(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    weather = storm(warehouse_dsn("owner"), warehouse_dsn("publisher"), SEED, ITEMS, is_ordered=True)
    assert weather.is_right, f"seed {SEED}: every correction has taken effect, once"
    assert weather.failures == {}, f"seed {SEED}: nobody waited for anybody"
    assert weather.shared == 0, f"seed {SEED}: an item is in one document at a time"
    assert 1 < weather.abreast <= WORKERS, "the workers did work at the same time"


def test_the_same_load_in_no_order_does(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> None:
    weather = storm(warehouse_dsn("owner"), warehouse_dsn("publisher"), SEED, ITEMS, is_ordered=False)
    assert weather.is_right, f"seed {SEED}: nothing is lost, it only costs"
    assert weather.shared > 0, f"seed {SEED}"
    assert weather.deadlocks > 0, f"seed {SEED}: without these the first test would prove nothing"
