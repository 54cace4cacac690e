"""Codes, units and zones of the demo network, as every baseline reads them: the configuration's rows, no validity."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from syncline.twin import seeds
from syncline.twin.network import DEMO, Network

if TYPE_CHECKING:
    from syncline.landing import Fact

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


class StockKey(NamedTuple):
    item: str
    location: str


class Crosswalk:
    """What a code of a source means. None means that no row says so."""

    def __init__(self, network: Network = DEMO) -> None:
        self._network = network
        self._items = {(row[0], row[1]): str(row[2]) for row in seeds.rows("item_crosswalk", self._network)}
        self._locations = {(row[0], row[1]): str(row[2]) for row in seeds.rows("location_crosswalk", self._network)}
        self._measures = {(row[0], row[1]): str(row[2]) for row in seeds.rows("status_crosswalk", self._network)}
        self._factors = {
            (row[0], row[1]): (int(row[2]), int(row[3])) for row in seeds.rows("unit_factors", self._network)
        }
        self.zones = {str(row[0]): ZoneInfo(str(row[5])) for row in seeds.rows("sources", self._network)}
        self._keys: dict[StockKey, StockKey] = {}

    def key(self, source: str, fact: Fact) -> StockKey | None:
        item, location = (
            _find(self._items, source, fact.item_ref),
            _find(self._locations, source, fact.location_ref),
        )
        if item is None or location is None:
            return None
        key = StockKey(item, location)
        return self._keys.setdefault(key, key)  # one object a key: a long day holds references, not copies

    def measure(self, source: str, fact: Fact) -> str | None:
        return _find(self._measures, source, fact.status_ref)

    def units(self, item: str, uom: str | None, quantity: str | None) -> int | None:
        """Whole base units, None when the text is no whole number or the unit is unknown."""
        factor = self._factors.get((item, uom or "EA"))
        if factor is None or not WHOLE_NUMBER.fullmatch(quantity or ""):
            return None
        return int(quantity or "") * factor[0] // factor[1]

    @cached_property
    def safety(self) -> dict[StockKey, int]:
        """Safety stock of the shop for every key."""
        classes = {str(row[0]): row[2] for row in seeds.rows("items", self._network)}
        rules = [(str(row[1]), row[2], int(row[3])) for row in seeds.rows("channel_rules", self._network)]
        return {
            StockKey(item, location): units
            for item, item_class in classes.items()
            for location, rule_class, units in rules
            if rule_class == item_class
        }


def _find(table: dict[tuple[str | int, str | int], str], source: str, reference: str | None) -> str | None:
    reference = reference or ""
    return table.get((source, reference)) or table.get(("*", reference))
