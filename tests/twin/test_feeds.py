"""The real feeds through the real puller and landing: what arrives is enough to reach the truth."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg

from syncline.connections import Connection
from syncline.errors import SynclineError
from syncline.registry import load_registry
from syncline.sources.wms_api.client import open_client
from syncline.sources.wms_api.pull import pull
from syncline.twin.crosswalk import Crosswalk
from syncline.twin.faults import Faults

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
    crosswalk = Crosswalk()
    rows = warehouse.execute(
        "select kind, item_ref, status_ref, uom, quantity, event_key from raw.facts order by recorded, sequence"
    ).fetchall()
    for kind, item, measure, uom, quantity, event_key in rows:
        units = crosswalk.units(item, uom, quantity)
        assert units is not None
        if kind == "balance":
            stock[item, measure] = units
        elif (event_key, item, measure) not in told:
            told.add((event_key, item, measure))
            stock[item, measure] += units
    ledger = serving.world.books.ledger
    truth = {(key.item, key.measure): ledger.balance(key) for key in ledger.every_key() if key.location == "DC2"}
    assert dict(stock) == truth
