"""The simulation itself, without servers: determinism, conservation, and faults that lose nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

from syncline.sources.wms_api.contract import breach
from syncline.twin.faults import Faults
from syncline.twin.ledger import Key
from syncline.twin.network import DEMO, ITEMS, MEASURES, SITES
from syncline.twin.schedule import Day
from syncline.twin.wms_log import Posted
from syncline.twin.world import World


def lived(faults: Faults | None = None, *, seed: int = 7, hours: float = 3.0) -> World:
    """A world at its end of day, with everything delayed done."""
    world = World(Day(seed=seed, hours=hours), faults or Faults())
    world.advance(world.day.end_ms + 3_600_000)
    return world


def records(world: World, location: str = "DC1") -> list[Posted]:
    return world.books.logs[location].records()


OF_WHICH = {"good": None, "damaged": "damaged", "hold": "quarantined"}


def changes(body: dict[str, Any], line: dict[str, Any], units: int) -> list[tuple[str | None, int]]:
    """What one line of a movement says, written down apart from the product's own mapping."""
    if body["type"] == "inventory.received":
        return [("on_hand", units), (OF_WHICH[line["condition"]], units)]
    if body["type"] == "shipment.confirmed":
        return [("on_hand", -units), ("allocated", -line["released"])]
    if body["type"] == "inventory.moved":
        is_same = line["from_condition"] == line["to_condition"]
        return [] if is_same else [(OF_WHICH[line["from_condition"]], -units), (OF_WHICH[line["to_condition"]], units)]
    return [(line["measure"], units)]


def flat(body: dict[str, Any]) -> dict[str, Any]:
    """A record that keeps its contract as version 1 tells it; written down apart from the product's upcaster."""
    if body["version"] == 1:
        return body
    number = {"delta": "delta", "count": "counted", None: "quantity"}[body.get("mode")]
    lines = []
    for line in body["lines"]:
        rest = {name: value for name, value in line.items() if name not in ("quantity", "from", "to")}
        places = {f"{side}_condition": line[side]["condition"] for side in ("from", "to") if side in line}
        lines.append({**rest, **places, "uom": line["quantity"]["uom"], number: line["quantity"]["value"]})
    return {**body, "site": body["location"]["site"], "lines": lines}


def perfect_reader(world: World, location: str) -> dict[tuple[str, str], int]:
    """Balances from the log alone: by posting time, each transaction once, what breaks the contract left out."""
    stock: dict[tuple[str, str], int] = defaultdict(int)
    known = set()
    for body in [flat(posted.body) for posted in records(world, location) if not breach(posted.body)]:
        if body["transaction_id"] in known:
            continue
        known.add(body["transaction_id"])
        for line in body["lines"]:
            item = DEMO.skus[line["sku"]]
            if body.get("mode") == "count":
                stock[item.sku, line["measure"]] = line["counted"]
                continue
            factor = item.case_units if line["uom"] == "CA" else 1
            for measure, units in changes(body, line, factor * line.get("quantity", line.get("delta", 0))):
                if measure:
                    stock[item.sku, measure] += units
    return stock


def test_same_seed_same_stream_and_another_seed_another_one() -> None:
    first, again, other = lived(), lived(), lived(seed=8)
    assert records(first) == records(again)
    assert first.orders.attempts == again.orders.attempts
    assert [posted.body for posted in records(first)] != [posted.body for posted in records(other)]


def test_stepwise_is_the_same_as_at_once() -> None:
    stepped = World(Day(seed=7, hours=3.0), Faults())
    for at_ms in range(stepped.day.start_ms, stepped.day.end_ms + 3_600_000, 7_919):
        stepped.advance(at_ms)
    assert records(stepped) == records(lived())


def test_opening_and_ledger_add_up_and_nothing_is_negative() -> None:
    ledger = lived().books.ledger
    assert len(ledger.every_key()) == len(SITES) * len(ITEMS) * len(MEASURES)
    moved = 0
    for key in ledger.every_key():
        entries = ledger.entries(key)
        assert entries[0].reason == "opening"
        assert sum(entry.delta for entry in entries) == ledger.balance(key) >= 0
        assert [entry.at_ms for entry in entries] == sorted(entry.at_ms for entry in entries)
        moved += len(entries) > 1
    assert moved > 200


@pytest.mark.parametrize(
    "faults",
    [
        Faults.none(),
        Faults(),
        Faults(retry=1.0, late=0.0),
        Faults(late=1.0),
        Faults(broken_record=0.5, unknown_type=0.5),
        Faults(event_v2=1.0, retry=0.5, late=0.0),
    ],
    ids=["none", "default", "retry", "late", "broken", "version 2"],
)
def test_a_perfect_reader_of_the_log_reaches_the_truth(faults: Faults) -> None:
    world = lived(faults)
    for location in world.books.logs:
        stock = perfect_reader(world, location)
        for item in ITEMS:
            for measure in MEASURES:
                assert stock[item.sku, measure] == world.books.balance(location, item.sku, measure), (
                    location,
                    item,
                    measure,
                )


def test_every_kind_of_work_happens() -> None:
    world = lived(hours=8)
    reasons = Counter(
        entry.reason for key in world.books.ledger.every_key() for entry in world.books.ledger.entries(key)
    )
    expected = {"opening", "receipt", "return", "shipment", "allocation", "cancellation", "damage", "scrap", "found"}
    assert expected | {"lost", "regrade", "cycle count"} <= set(reasons)
    kinds = Counter(posted.body["type"] for posted in records(world))
    assert set(kinds) == {"inventory.received", "inventory.moved", "inventory.adjusted", "shipment.confirmed"}


def test_a_move_between_bins_leaves_every_total() -> None:
    world = lived()
    ledger = world.books.ledger
    moves = [
        posted
        for posted in records(world)
        if posted.body["type"] == "inventory.moved" and flat(posted.body)["lines"][0]["to_condition"] == "good"
        and flat(posted.body)["lines"][0]["from_condition"] == "good"
    ]  # fmt: skip
    assert moves
    for posted in moves:
        key = Key("DC1", posted.body["lines"][0]["sku"], "on_hand")
        assert ledger.balance_at(key, posted.posted_ms) == ledger.balance_at(key, posted.posted_ms - 1)


def test_late_events_are_late_by_at_most_the_limit() -> None:
    world = lived(Faults.none(late=1.0, late_max_s=100))
    delays = [posted.visible_ms - posted.posted_ms for posted in records(world)]
    assert min(delays) >= 1000
    assert 90_000 < max(delays) <= 100_000


def test_a_late_event_is_never_retried() -> None:
    world = lived(Faults.none(late=0.5, retry=1.0, late_max_s=100))
    first: dict[str, Posted] = {}
    retried = 0
    for posted in records(world):
        earlier = first.setdefault(posted.body["transaction_id"], posted)
        if earlier is not posted:
            retried += 1
            assert earlier.visible_ms == earlier.posted_ms < posted.posted_ms
            assert earlier.body["lines"] == posted.body["lines"]
            assert earlier.event_id != posted.event_id
    assert retried > 20


def test_balances_after_an_event_are_those_of_the_book_when_it_was_told() -> None:
    world = lived(Faults.none(event_v2=1.0, retry=0.5))
    checked = 0
    for posted in records(world):
        assert breach(posted.body) is None
        for line in posted.body["lines"]:
            for measure, units in line.get("balance_after", {}).items():
                key = Key(posted.body["location"]["site"], line["sku"], measure)
                assert units == world.books.ledger.balance_at(key, posted.posted_ms)
                checked += 1
    assert checked > 500


def test_the_version_of_the_events_changes_nothing_else() -> None:
    def told(world: World) -> list[tuple[Any, ...]]:
        return [(p.event_id, p.posted_ms, p.visible_ms, flat(p.body)["transaction_id"]) for p in records(world)]

    assert told(lived(Faults(event_v2=0.0))) == told(lived(Faults(event_v2=1.0)))
    assert {p.body["version"] for p in records(lived())} == {1, 2}


def test_named_contract_breaks_happen_only_when_asked_for() -> None:
    calm = lived()
    assert not {"broken_record", "unknown_type", "unknown_sku", "key_conflict"} & set(calm.count.injected)
    broken = lived(Faults.none(broken_record=1.0, unknown_type=1.0, unknown_sku=1.0, key_conflict=1.0))
    quantities = [line.get("quantity", line.get("delta")) for p in records(broken) for line in p.body["lines"]]
    assert any(isinstance(quantity, str) and quantity.endswith("x") for quantity in quantities)
    assert any(posted.body["type"] == "inventory.vanished" for posted in records(broken))
    assert any(line["sku"].startswith("ALT-") for posted in records(broken) for line in posted.body["lines"])
    told = defaultdict(set)
    for posted in records(broken):
        if posted.body["type"] == "shipment.confirmed":
            told[posted.body["transaction_id"]].add(posted.body["lines"][0]["quantity"])
    assert any(len({q for q in quantities if isinstance(q, int)}) > 1 for quantities in told.values())


def test_no_business_after_hours_and_then_it_is_quiet() -> None:
    world = lived()
    end_ms, grace_ms = world.day.end_ms, world.day.grace_s * 1000
    assert max(attempt.at_ms for attempt in world.orders.attempts) < end_ms
    assert all(posted.posted_ms <= end_ms + grace_ms for posted in records(world))
    assert not world.is_quiet(end_ms - 1)
    assert world.is_quiet(end_ms + 3_600_000)


def test_the_shop_decides_what_customers_get() -> None:
    world = World(Day(seed=7, hours=2.0), Faults.none())
    for item in ITEMS:
        line = {"reference": item.sku, "sku": item.sku, "location": "DC1", "quantity": 10_000, "if_version": "1"}
        assert world.shop.set_line(line, world.day.start_ms)["result"] == "set"
    world.advance(world.day.end_ms)
    there = [attempt for attempt in world.orders.attempts if attempt.location == "DC1"]
    assert all(attempt.taken == attempt.asked for attempt in there)
    assert sum(max(0, attempt.taken - attempt.sellable) for attempt in there) > 0
