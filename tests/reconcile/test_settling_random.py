"""Random states with every reason for doubt: settling first changes nothing of what the exact comparison finds."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.reconcile.stating import Stated, configured
from tests.resolve.lane import NOON, Lane, at, counted

from syncline.reconcile import settling, sides
from syncline.warehouse.connect import connect_dsn

ITEMS, ROUNDS = 30, 12
SILENT = range(24, 29)  # nobody tells anything of them
MEASURES = ("on_hand", "consigned", "damaged")
HELD = """
insert into canonical.balances (item, location, measure, lot, quantity, quantity_lo, quantity_hi, is_ambiguous,
  base_fact, base_from, base_to, batch_id)
values (%s, 'DC1', %s, %s, %s, %s, %s, false, %s, %s, %s, 1)
"""
BOOKED = """
insert into canonical.ledger (item, location, measure, lot, fact_id, entry, quantity, booked_from, batch_id)
values (%s, 'DC1', %s, %s, %s, 'movement', %s, %s, 1)
"""
FOUND = "select * from compared_keys where kind <> 'count' order by kind, item, measure, lot"


@pytest.mark.parametrize("seed", range(4))
def test_settling_changes_nothing_that_is_found(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path, seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    chance = random.Random(seed)
    lane = Lane(warehouse, warehouse_dsn, tmp_path)
    configured(lane.owner, at(0), _configuration)
    lane.tell(1, counted(1, 0, 1)._replace(item_ref="SKU-0040"))
    assert lane.batch(2)
    stated = Stated(lane)
    in_words = settling._SETTLE
    settled = 0
    for step in range(ROUNDS):
        lane.owner.execute("delete from canonical.balances")
        lane.owner.execute("delete from canonical.ledger")
        held = _hold(lane, chance, step)
        for system in chance.sample(("wms", "3pl", "erp"), chance.choice((1, 2, 3, 3, 3))):
            measures = MEASURES if chance.random() < 0.7 else MEASURES[: chance.choice((1, 2))]
            stated.say(system, 10 + step, _lines(chance, system, held), measures=measures, proven=chance.random() < 0.9)
        with connect_dsn(lane.dsn("transformer")) as conn:
            monkeypatch.setattr(settling, "_SETTLE", in_words)
            fast, keys = _aligned(conn, at(200))
            settled += keys
            # Nobody agrees in words, and what nobody tells is in doubt too: everything is compared exactly.
            exactly = in_words.replace("and {is_on_hand}", "and {is_on_hand} and false").replace(
                "h.quantity is distinct from 0", "true"
            )
            monkeypatch.setattr(settling, "_SETTLE", exactly)
            exact, keys = _aligned(conn, at(200))
            assert keys == 0
        assert fast == exact, f"seed {seed}, round {step}"
    assert settled > ROUNDS, f"seed {seed}: nothing was settled"


def _configuration(rows: dict[str, Any]) -> None:
    """Items 1 to 5 by lot, 6 in thirds; everybody has a word of his own that is another item to all others."""
    for row in rows["items"]:
        if row["item"] in [f"SKU-{number:04d}" for number in range(1, 6)]:
            row["item_class"] = "LOT"
    rule = next(row for row in rows["ownership_rules"] if (row["measure"], row["location"]) == ("on_hand", "DC1"))
    rows["ownership_rules"] += [
        {**rule, "item_class": "LOT", "grain": "lot"}, {**rule, "measure": "consigned"},
    ]  # fmt: skip
    factor = rows["unit_factors"][0]
    rows["unit_factors"] += [
        {**factor, "item": "SKU-0006", "uom": "TH", "factor_num": 1, "factor_den": 3},
    ]  # fmt: skip
    # Of item 10 only the books speak, by our own name of it.
    rows["item_crosswalk"] = [row for row in rows["item_crosswalk"] if row["item"] != "SKU-0010"]
    name = rows["item_crosswalk"][0]
    rows["item_crosswalk"].append({**name, "source": "dc1_wms", "item_ref": "SKU-0007", "item": "SKU-0008"})
    rows["target_items"].append({"target": "erp", "item": "SKU-0009", "ref": "BOOK-9"})


def _hold(lane: Lane, chance: random.Random, step: int) -> dict[str, int]:
    """What canonical holds; returns item -> units on hand without a lot."""
    held = {}
    for number in range(1, ITEMS + 1):
        item = f"SKU-{number:04d}"
        keys = [("on_hand", "")] * (chance.random() < 0.95)
        keys += [("consigned", "")] * (chance.random() < 0.1) + [("damaged", "")] * (chance.random() < 0.2)
        keys += [("on_hand", lot) for lot in ("A", "B") if number <= 5 and chance.random() < 0.7]
        for measure, lot in keys:
            units = chance.choice((0, 0, 1, 5, 12, 24)) if measure == "on_hand" else chance.choice((0, 0, 3))
            fact = f"f {step} {number} {measure} {lot}"
            lane.owner.execute(HELD, (item, measure, lot, units, units, units, fact, NOON, NOON))
            if chance.random() < 0.1:
                booked = at(chance.choice((5, 10 + step, 11 + step)))
                lane.owner.execute(BOOKED, (item, measure, lot, fact, chance.choice((-2, 3)), booked))
            if (measure, lot) == ("on_hand", ""):
                held[item] = units
    return held


def _lines(chance: random.Random, system: str, held: dict[str, int]) -> list[tuple[Any, ...]]:
    """Lines of a system: most say what is held, some in any other way."""
    status = "financial" if system == "erp" else "on_hand"
    lines: list[tuple[Any, ...]] = []
    for number in range(1, ITEMS + 3):
        item = f"SKU-{number:04d}"
        if number in SILENT:
            continue
        units, ref, way = held.get(item, 0), item, chance.random()
        if system == "3pl" and chance.random() < 0.5:
            ref = f"A-{10000 + number}"
        lot = chance.choice((None, "", "A", "B")) if number <= 5 or way < 0.05 else None
        other = chance.choice(("damaged", "???"))
        ways: list[tuple[float, list[tuple[Any, ...]]]] = [
            (0.70, [(ref, units, status, lot, "EA")]),
            (0.75, [(ref, units, status, lot, "EA")] * 2),
            (0.80, [(ref, units - 12, status, lot, "EA"), (ref, 1, status, lot, "CA")]),
            (0.84, [(ref, chance.choice((f"{units}.0", f"0{units}", f"-{units}", "7")), status, lot, "EA")]),
            (0.88, [(ref, units, status, lot, chance.choice(("PALLET", None, "TH")))]),
            (0.92, [(ref, units, status, lot, "EA"), (ref, chance.choice((0, 3)), "consigned", None, "EA")]),
            (0.95, [(ref, units, status, lot, "EA"), (ref, 1, other, None, "EA")]),
            (1.00, []),
        ]
        lines += next(said for limit, said in ways if way < limit)
    if chance.random() < 0.3:
        lines.append((chance.choice(("NOBODY", "BOOK-9")), 4, status, None, "EA"))
    if chance.random() < 0.5:
        lines += [("SKU-0006", 3 * held.get("SKU-0006", 0), status, None, "TH")]
    return lines


def _aligned(conn: psycopg.Connection, now: Any) -> tuple[Any, int]:
    """What is found and counted, and how many keys were settled for it."""
    with conn.transaction():
        sides.find_sides(conn, "DC1", now)
        counted_keys = sides.align(conn, "DC1")
        keys = conn.execute("select coalesce(sum(keys), 0) from compared_lines where kind = 'count'").fetchone()
        assert keys is not None
        return (conn.execute(FOUND).fetchall(), counted_keys), int(keys[0])


def test_a_side_maps_by_its_own_word_before_everybodys_and_the_books_by_ours(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    lane = Lane(warehouse, warehouse_dsn, tmp_path)
    configured(lane.owner, at(0), _configuration)
    lane.tell(1, counted(1, 0, 1)._replace(item_ref="SKU-0040"))
    assert lane.batch(2)
    stated = Stated(lane)
    refs = ("A-10003", "BOOK-9", "NOBODY", "SKU-0003", "SKU-0007", "SKU-0010")
    for system in ("wms", "3pl", "erp"):
        stated.say(system, 10, dict.fromkeys(refs, 1))
    with connect_dsn(lane.dsn("transformer")) as conn, conn.transaction():
        sides.find_sides(conn, "DC1", at(200))
        settling.settle(conn, "DC1")
        found = conn.execute(
            "select bit, item, count(*) from compared_lines where kind = 'line' group by bit, item"
        ).fetchall()
    ours, third = "SKU-0003", "SKU-0007"
    assert set(found) == {
        (1, ours, 1), (1, "SKU-0008", 1), (1, None, 4),
        (2, ours, 2), (2, third, 1), (2, None, 3),
        (4, ours, 1), (4, third, 1), (4, "SKU-0009", 1), (4, "SKU-0010", 1), (4, None, 2),
    }  # fmt: skip
