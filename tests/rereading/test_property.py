"""Random feeds, misread in random ways and put right in two goes, against warehouses that never misread them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from loopback_wms import WmsServer, event
from network import Warehouse, an_846, edi_source, minutes, wms_source

PROFILES = (
    {"item_qualifiers": ("VN", "SK")},
    {"location_entities": ("ZL",)},
    {"as_of_qualifiers": ("999",)},
    {"default_uom": "EA"},
    {"purposes": frozenset({"99"})},
)
ITEMS = [f"SKU-000{n}" for n in range(1, 6)]
STEPS = 10


def some_events(chance: random.Random, count: int) -> list[dict[str, object]]:
    events = []
    for number in range(1, count + 1):
        kind, line = chance.choice(
            [
                ("inventory.received", {"quantity": 5, "condition": "good", "reason": "purchase"}),
                ("inventory.adjusted", {"mode": "count", "counted": chance.randrange(50), "measure": "on_hand"}),
                ("inventory.adjusted", {"mode": "delta", "delta": -2, "measure": "on_hand", "reason": "scrap"}),
            ]
        )
        mode = {"mode": line.pop("mode")} if "mode" in line else {}
        lines = [{"line": 1, "sku": chance.choice(ITEMS), "uom": "EA", **line}]
        # Some tell the transaction of another one: a WMS that retries, or one that contradicts itself.
        transaction = f"T-{chance.randrange(1, count)}"
        events.append(event(number, minute=270 + number, kind=kind, lines=lines, transaction_id=transaction, **mode))
    return events


def a_file(chance: random.Random, number: int) -> bytes:
    items = [
        {"sk": chance.choice(ITEMS), "vn": chance.choice(ITEMS), "on_hand": str(chance.randrange(90)), "uom": unit}
        for unit in chance.choices(["EA", "CA", ""], weights=[6, 2, 2], k=3)
    ]
    return an_846(
        f"R-{chance.randrange(1, number + 2)}",
        items,
        as_of=chance.choice(["0900", "1700"]),
        dtm=chance.choice(["", "0800"]),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_any_feed_misread_in_any_way(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str], seed: int
) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    ours, fresh = new_warehouse(), new_warehouse()
    right_file, right_page = edi_source(), wms_source("DC1")
    wrong_file, wrong_page = edi_source(misread(**chance.choice(PROFILES))), wms_source("DC2")
    events, seen, files = some_events(chance, 30), 0, [a_file(chance, 0)]
    server = WmsServer()
    try:
        for step in range(STEPS):
            # Each is put right at a moment of its own; documents before it were misread, those after were not.
            is_wrong = step < chance.randrange(3, STEPS)
            if chance.random() < 0.5:
                files.append(a_file(chance, step) if chance.random() < 0.8 else chance.choice(files))
                for into, source in ((ours, wrong_file if is_wrong else right_file), (fresh, right_file)):
                    into.file(f"{step}.edi", files[-1], source, minutes(step))
            else:
                seen += chance.randrange(6)
                server.events = chance.sample(events[: seen + 2], len(events[: seen + 2]))
                for into, source in ((ours, wrong_page if is_wrong else right_page), (fresh, right_page)):
                    into.poll(server, source, minutes(step))
            if chance.random() < 0.2:
                ours.settle(minutes(step + 0.5))
    finally:
        server.close()
    ours.settle(minutes(STEPS))
    ours.reread(right_file, received_from=minutes(chance.randrange(STEPS)))
    if chance.random() < 0.5:
        ours.settle(minutes(STEPS + 1))
    ours.reread(right_file)
    ours.reread(right_page)
    ours.settle(minutes(STEPS + 2))
    fresh.settle(minutes(STEPS + 2))
    assert ours.hashes() == fresh.hashes()
    assert (ours.reread(right_file).load_id, ours.reread(right_page).load_id) == (None, None)
