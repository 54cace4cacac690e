"""The generator of histories: exact size, same seed same rows, and a story that resolves without surprises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bench.facts import history, micro_batch
from bench.rebuild import released
from bench.stories import Warehouse, opening_stock
from syncline.errors import ConfigurationError
from syncline.resolve import build, open_batch, rebuild

FACTS = 3_000


def test_the_same_seed_tells_the_same_story() -> None:
    def told(seed: int) -> list[list[tuple[str, str]]]:
        site = Warehouse(1, "dc1_wms", "DC1", range(20), opening_stock(20), seed)
        return [chunk.rows for chunk in site.day(0, 1_000, 501, 60_000)]

    assert told(5) == told(5)
    assert told(5) != told(6)
    assert sum(map(len, told(5))) == 501


def test_too_few_facts_are_refused(warehouse: psycopg.Connection) -> None:
    with pytest.raises(ConfigurationError, match="too few"):
        history(warehouse, 100, items=40, days=2)


def test_a_history_and_a_micro_batch_resolve(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    batch_id = history(warehouse, FACTS, seed=3, items=40, days=2)
    assert warehouse.execute("select count(*), count(distinct fact_id) from raw.facts").fetchone() == (FACTS, FACTS)
    late = warehouse.execute(
        "select count(*) from raw.facts where source like '%_wms' and received_at < recorded::timestamptz"
    )
    assert late.fetchone() == (0,)
    overrun = "select count(*) from raw.facts where source like '%_wms' and recorded > '2026-11-03T23:59'"
    assert warehouse.execute(overrun).fetchone() == (0,)

    assert rebuild(warehouse, warehouse_dsn("transformer"), tmp_path) is not None
    released(warehouse)
    found: dict[str, int] = dict(
        warehouse.execute("select disposition, count(*) from intermediate.int_dispositions group by 1").fetchall()
    )
    assert sum(found.values()) == FACTS
    assert set(found) == {"applied", "absorbed", "duplicate"}
    # The numbers told by counts and by the hybrid site's 846 are those of the movements before them.
    wrong = "select count(*) from canonical.verdicts where source like '%_wms' and verdict = 'discrepancy'"
    assert warehouse.execute(wrong).fetchone() == (0,)

    assert micro_batch(warehouse, 500, seed=4) == 2
    batch = open_batch(warehouse, warehouse.execute("select max(as_of) from ops.batches").fetchone()[0])  # type: ignore[index]
    assert batch is not None
    assert batch.batch_id > batch_id
    build(warehouse, warehouse_dsn("transformer"), batch.batch_id, tmp_path)
    taken = warehouse.execute("select count(*) from staging.stg_facts where batch_id = %s", [batch.batch_id])
    assert taken.fetchone() == (500,)
    assert warehouse.execute(wrong).fetchone() == (0,)
