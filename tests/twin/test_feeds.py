"""The real feeds through the real puller and landing: what arrives is enough to reach the truth."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncline.connections import Connection
from syncline.errors import SynclineError
from syncline.registry import load_registry
from syncline.sources.wms_api.client import open_client
from syncline.sources.wms_api.pull import pull
from syncline.twin.faults import Faults
from syncline.twin.naive import Arrival, Mapping
from syncline.twin.score_sql import ARRIVALS

ROOT = Path(__file__).parents[2]
DC2 = next(source for source in load_registry(ROOT / "dags" / "registry.yml").sources if source.name == "dc2_wms")


def test_a_faulty_day_arrives_whole(serve: Any, warehouse: psycopg.Connection) -> None:
    """Duplicates, late events, retries, lost and cut answers; each transaction once, in posting order, is truth."""
    faults = Faults(late=0.2, retry=0.3, duplicate=0.2, lost_answer=0.1, cut_body=0.1, throttled=0.02)
    served = serve(faults, at_minutes=20, rate=600.0, hours=0.5)
    value = json.loads(served.twin.env["AIRFLOW_CONN_DC2_WMS"])
    client = open_client(
        Connection("dc2_wms", "http", host=value["host"], port=value["port"], password=value["password"]), DC2
    )
    serving = served.twin.serving
    is_last, failures, deadline = False, 0, time.monotonic() + 40
    while not is_last:
        assert time.monotonic() < deadline
        is_quiet = serving.world.is_quiet(serving.now_ms())
        try:
            pull(warehouse, client, DC2, serving.clock.now())
            is_last = is_quiet
        except SynclineError:
            failures += 1
        time.sleep(0.1)
    assert failures < 10
    stock: dict[tuple[str, str], int] = defaultdict(int)
    told = set()
    mapping = Mapping(ROOT / "dbt_project" / "seeds")
    rows = warehouse.execute(
        "select kind, item_ref, status_ref, uom, quantity, event_key from raw.facts order by recorded, sequence"
    ).fetchall()
    for kind, item, measure, uom, quantity, event_key in rows:
        units = mapping.units(Arrival(0, 0, "", "", kind, item, "DC2", measure, uom, quantity, event_key), item)
        assert units is not None
        if kind == "balance":
            stock[item, measure] = units
        elif (event_key, item, measure) not in told:
            told.add((event_key, item, measure))
            stock[item, measure] += units
    ledger = serving.world.books.ledger
    truth = {(key.item, key.measure): ledger.balance(key) for key in ledger.every_key() if key.location == "DC2"}
    assert dict(stock) == truth


@pytest.mark.parametrize("is_landed_with_facts", [True, False], ids=["facts again", "facts known"])
def test_a_file_that_came_again_arrives_again_for_the_baseline(
    warehouse: psycopg.Connection, is_landed_with_facts: bool
) -> None:
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    for load in (1, 2):
        warehouse.execute("insert into raw.loads values (%s, 'acme_3pl', 'edi', %s, %s, 1, 1)", (load, at, at))
        warehouse.execute(
            "insert into raw.documents values (%s, %s, 'acme_3pl', 'edi', 'n', 'x', 'same', 1, %s, 'accepted')",
            (f"d{load}", load, at),
        )
        if load == 1 or is_landed_with_facts:
            warehouse.execute(
                "insert into raw.facts (fact_id, load_id, document_id, position, source, feed, reading, received_at,"
                " kind, item_ref, location_ref, status_ref, uom, quantity, recorded, line_key, event_key)"
                " values ('f', %s, %s, 'p', 'acme_3pl', 'edi', 'r', %s, 'balance', 'A-10001', 'ACM-CHI', '17', 'EA',"
                " '7', '2026-11-02', 'l', 'e')",
                (load, f"d{load}", at),
            )
    arrivals = [Arrival(*row) for row in warehouse.execute(ARRIVALS)]
    assert [(arrival.load_id, arrival.quantity) for arrival in arrivals] == [(1, "7"), (2, "7")]
    assert len({arrival.fact_id for arrival in arrivals}) == 2  # the same id would be taken for our own overlap
