"""Before and after: warehouses whose ERP believes the usual feeds, and what Syncline would have put right there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.gate.check import check
from syncline.outbox.queue import queue_keys
from syncline.outbox.release import release
from syncline.outbox.shadow import ShadowReport, shadow_report
from syncline.resolve import build, open_batch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    import psycopg

    from syncline.twin.crosswalk import StockKey
    from syncline.twin.replay import Lived

TARGET = "erp"
PERMILLE = 1000


@dataclass(frozen=True)
class Mismatch:
    """One integrator at one warehouse: keys whose number is wrong at the end, and the share of all key-hours of
    business, in thousandths, in which a number there was wrong."""

    location: str
    name: str
    keys: int
    wrong_keys: int
    wrong_permille: int


def mismatches(lived: Lived, name: str, on_hand: Mapping[StockKey, int], wrong_ms: Mapping[str, int]) -> list[Mismatch]:
    """Every warehouse in the order of the network; ``on_hand`` is what ``name`` believes at the end."""
    true = {change.key: change.units for change in lived.truth}
    keys = Counter(key.location for key in true)
    wrong = Counter(key.location for key, units in true.items() if on_hand.get(key) != units)
    hours_ms = lived.end_ms - lived.start_ms
    return [
        Mismatch(
            site.location, name, keys[site.location], wrong[site.location],
            PERMILLE * wrong_ms.get(site.location, 0) // max(1, keys[site.location] * hours_ms),
        )
        for site in lived.network.sites
    ]  # fmt: skip


def shadow_pilot(
    conn: psycopg.Connection, dsn: str, target: Path, shown: Mapping[StockKey, int], now: datetime
) -> list[ShadowReport]:
    """What a pilot reports of an ERP that shows ``shown``: everything is computed, judged and recorded, nothing sent.

    ``conn`` and ``dsn``: the owner of a warehouse that has resolved everything, with the ERP in shadow mode.
    """
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.target_readings values (%s, %s, %s, 1, %s, null, %s)",
            [(TARGET, key.item, key.location, units, now) for key, units in sorted(shown.items())],
        )
    conn.execute("insert into ops.target_cursors (target, position, read_at) values (%s, 0, %s)", (TARGET, now))
    queue_keys(conn, [(TARGET, *key) for key in sorted(shown)], "pilot", now)
    batch = open_batch(conn, now)
    assert batch is not None, "keys are queued"
    build(conn, dsn, batch.batch_id, target)
    check(dsn, conn, batch.batch_id, [TARGET])
    release(conn, batch.batch_id, now)
    return shadow_report(conn)
