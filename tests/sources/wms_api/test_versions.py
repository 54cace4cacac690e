"""The same business event told in version 1 and in version 2 is one fact, in whatever mixture it comes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from loopback_wms import event

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Document, Fact, Load, fact_id, land
from syncline.sources.wms_api.contract import breach, validators
from syncline.sources.wms_api.mapping import facts_of
from syncline.sources.wms_api.records import read_records
from syncline.sources.wms_api.upcast import UPCASTERS
from syncline.twin.faults import Faults
from syncline.twin.ledger import Key
from syncline.twin.schedule import Day
from syncline.twin.wms_v2 import as_version_2
from syncline.twin.world import World

SEED = 5
SITE = "DC1"
DAY = Day(SEED, hours=0.5, events_per_hour=3000)


def a_day() -> World:
    world = World(DAY, Faults.none(retry=0.1, retry_delay_min_s=5, retry_delay_max_s=60))
    world.advance(DAY.end_ms + 3_600_000)
    return world


def bodies(world: World) -> list[dict[str, Any]]:
    return [posted.body for posted in world.books.logs[SITE].records()]


def read(bodies: list[Any]) -> list[Fact]:
    return [fact for index, body in enumerate(bodies) for fact in facts_of(body, index, SITE)]


def test_every_version_has_every_type_and_its_upcaster() -> None:
    versions = {kind: set(found) for kind, found in validators().items()}
    assert set(map(frozenset, versions.values())) == {frozenset({1, 2})}
    assert {1, *UPCASTERS} == {1, 2}


def test_a_day_told_in_version_2_has_the_facts_of_version_1() -> None:
    told = bodies(a_day())
    again = [as_version_2(body, {}) for body in told]
    assert {body["type"] for body in told} == set(validators())
    assert [breach(body) for body in again] == [None] * len(again)
    facts = read(told)
    assert len(facts) > 300
    assert read(again) == facts


def test_a_balance_after_the_event_is_kept_with_its_fact_and_is_no_part_of_what_it_books() -> None:
    line = {
        "line": 1, "sku": "SKU-0001", "quantity": {"value": 5, "uom": "EA"}, "condition": "damaged",
        "reason": "purchase", "balance_after": {"on_hand": 95, "damaged": 7, "allocated": 3},
    }  # fmt: skip
    later = {
        **event(7), "version": 2, "location": {"site": "DC1", "zone": "DOCK 4"}, "lines": [line],
        "occurred_at": "2026-11-02T09:58:00Z",
    }  # fmt: skip
    del later["site"]
    assert breach(later) is None
    facts = read([later])
    assert [(fact.status_ref, fact.balance_after) for fact in facts] == [("on_hand", "95"), ("damaged", "7")]
    plain = read([event(7, lines=[{**event(7)["lines"][0], "condition": "damaged"}])])
    assert [fact._replace(balance_after=None) for fact in facts] == plain
    ids = [fact_id("dc1_wms", "api", fact) for fact in (*facts, *plain)]
    assert len(set(ids)) == 4, "what the source said differs, so both tellings are kept"


def test_a_page_that_mixes_versions_is_typed_and_in_order() -> None:
    rng = random.Random(SEED)
    told = bodies(a_day())
    mixed = [as_version_2(body, {}) if rng.random() < 0.4 else body for body in told]
    records = read_records(json.dumps({"events": mixed, "has_more": True}).encode(), SITE)
    assert records.is_typed
    assert (records.first, records.last) == (read_records(page(told), SITE).first, read_records(page(told), SITE).last)
    assert read(list(records.events)) == read(told)


def page(events: list[dict[str, Any]]) -> bytes:
    return json.dumps({"events": events, "has_more": False}).encode()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 3}, "event_version_unknown"),
        ({"type": "inventory.vanished"}, "event_type_unknown"),
        ({"location": {"site": "DC9"}}, "site_mismatch"),
        ({"location": "DC1"}, "event_breaks_schema"),
        ({"occurred_at": None}, "event_breaks_schema"),
    ],
)
def test_what_version_2_does_not_say_is_not_guessed(changes: dict[str, Any], code: str) -> None:
    told = as_version_2(event(7), {}) | changes
    (fact,) = read([told])
    assert fact.fault_code == code
    content = page([told, as_version_2(event(8), {})])
    records = read_records(content, SITE)
    assert [fact.fault_code for fact in read(list(records.events))] == [code, None]
    assert not records.is_typed


@pytest.mark.parametrize("first_in_2", [0.0, 1.0, 0.5], ids=["1 then 2", "2 then 1", "mixed then the other"])
def test_told_mixed_and_again_in_the_other_version_it_is_the_truth_once(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path, first_in_2: float
) -> None:
    world, rng = a_day(), random.Random(f"{SEED}/{first_in_2}")
    now = DAY.start + timedelta(hours=2)
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), now, "test")
    versions = [rng.random() < first_in_2 for _ in bodies(world)]

    def tell(is_second: bool) -> None:
        told = [
            as_version_2(body, {("SKU-0001", "on_hand"): 1}) if is_2 != is_second else body
            for body, is_2 in zip(bodies(world), versions, strict=True)
        ]
        at = now + timedelta(minutes=is_second)
        land(warehouse, Load("dc1_wms", "api", at, [Document(f"page {is_second}", page(told), read(told))]))
        batch = resolve.open_batch(warehouse, at)
        if batch is not None:
            resolve.build(warehouse, warehouse_dsn("owner"), batch.batch_id, tmp_path)
            warehouse.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))

    def stock() -> dict[Key, int]:
        rows = warehouse.execute("select location, item, measure, quantity from canonical.balances").fetchall()
        return {Key(*row[:3]): row[3] for row in rows}

    ledger = world.books.ledger
    truth = {key: ledger.balance(key) for key in ledger.every_key() if key.location == SITE}
    tell(is_second=False)
    assert stock() == truth
    before = warehouse.execute("select count(*) from intermediate.int_dispositions").fetchone()
    tell(is_second=True)
    assert stock() == truth
    counts: dict[str, int] = dict(
        warehouse.execute("select disposition, count(*) from intermediate.int_dispositions group by 1").fetchall()
    )
    assert "conflict" not in counts
    assert "quarantined" not in counts
    assert before is not None
    assert sum(counts.values()) > before[0], "tellings with a balance after them are facts of their own"
