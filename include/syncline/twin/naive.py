"""The baseline: latest arrival wins. A movement is added, a balance overwrites, nothing is compared or remembered.

It is given every advantage that needs no thought: the same feeds at the same instants, the same crosswalks and
unit factors, late events, and an ERP that posts at once and never locks.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncline.twin.belief import StockKey, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Arrival:
    """One readable row of ``raw.facts``, in the order of arrival."""

    at_ms: int
    load_id: int
    fact_id: str
    source: str
    kind: str
    item_ref: str
    location_ref: str
    status_ref: str
    uom: str | None
    quantity: str
    event_key: str


class Mapping:
    """Crosswalks, unit factors and safety stock of the configuration CSVs, without validity."""

    def __init__(self, folder: Path) -> None:
        self._items = {(row["source"], row["item_ref"]): row["item"] for row in _rows(folder, "item_crosswalk")}
        self._locations = {
            (row["source"], row["location_ref"]): row["location"] for row in _rows(folder, "location_crosswalk")
        }
        self._measures = {
            (row["source"], row["status_ref"]): row["measure"] for row in _rows(folder, "status_crosswalk")
        }
        self._factors = {
            (row["item"], row["uom"]): (int(row["factor_num"]), int(row["factor_den"]))
            for row in _rows(folder, "unit_factors")
        }
        classes = {row["item"]: row["item_class"] for row in _rows(folder, "items")}
        safety = {
            (row["location"], row["item_class"]): int(row["safety_stock"]) for row in _rows(folder, "channel_rules")
        }
        self._safety = {
            StockKey(item, location): units
            for item, item_class in classes.items()
            for (location, rule_class), units in safety.items()
            if rule_class == item_class
        }

    def key(self, arrival: Arrival) -> StockKey | None:
        item = self._find(self._items, arrival.source, arrival.item_ref)
        location = self._find(self._locations, arrival.source, arrival.location_ref)
        return StockKey(item, location) if item and location else None

    def measure(self, arrival: Arrival) -> str | None:
        return self._find(self._measures, arrival.source, arrival.status_ref)

    def units(self, arrival: Arrival, item: str) -> int | None:
        """Whole base units, None when the text is no whole number or the unit is unknown."""
        factor = self._factors.get((item, arrival.uom or "EA"))
        if factor is None or not WHOLE_NUMBER.fullmatch(arrival.quantity):
            return None
        return int(arrival.quantity) * factor[0] // factor[1]

    def safety(self, key: StockKey) -> int:
        return self._safety.get(key, 0)

    @staticmethod
    def _find(table: dict[tuple[str, str], str], source: str, reference: str) -> str | None:
        return table.get((source, reference)) or table.get(("*", reference))


@dataclass
class Naive:
    """What the baseline believed: the ERP's number and the shop's, over time."""

    erp: Timeline = field(default_factory=Timeline)
    shop: Timeline = field(default_factory=Timeline)
    double_posts: int = 0


def replay(
    arrivals: Iterable[Arrival],
    mapping: Mapping,
    erp_opening: dict[StockKey, int],
    shop_opening: dict[StockKey, int],
) -> Naive:
    """Run the baseline over the arrivals. A fact received again in a later load is skipped: only our overlapping
    polls ask twice, the baseline would not have asked."""
    naive = Naive()
    measures: dict[StockKey, dict[str, int]] = defaultdict(dict)
    for opened, quantity in erp_opening.items():
        measures[opened] = {"on_hand": quantity}
        naive.erp.set(opened, 0, quantity)
        naive.shop.set(opened, 0, shop_opening[opened])
    seen_in: dict[str, int] = {}
    told: Counter[tuple[str, str, str]] = Counter()
    for arrival in arrivals:
        if seen_in.setdefault(arrival.fact_id, arrival.load_id) != arrival.load_id:
            continue
        key, measure = mapping.key(arrival), mapping.measure(arrival)
        units = mapping.units(arrival, key.item) if key else None
        if key is None or measure is None or units is None:
            continue
        stock = measures[key]
        if arrival.kind == "balance":
            stock[measure] = units
        else:
            stock[measure] = stock.get(measure, 0) + units
            told[arrival.source, arrival.event_key, measure] += 1
        if measure == "on_hand":
            naive.erp.set(key, arrival.at_ms, stock["on_hand"])
        sellable = stock.get("on_hand", 0) - stock.get("allocated", 0) - mapping.safety(key)
        naive.shop.set(key, arrival.at_ms, max(0, sellable))
    naive.double_posts = sum(times - 1 for times in told.values())
    return naive


def _rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
