"""Documents of any source, landed by hand, and what the marts say of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.history.telling import said
from tests.rereading.network import Warehouse

from syncline.landing import Document, Fact, Load, land

# What a source calls stock on hand, and its place.
PLACES = {
    "dc1_wms": ("DC1", "on_hand"), "dc2_wms": ("DC2", "on_hand"),
    "acme_3pl": ("ACM-CHI", "17"), "beta_3pl": ("BETA-NJ2", "17"),
}  # fmt: skip
FEEDS = {"dc1_wms": "api", "dc2_wms": "api", "acme_3pl": "edi", "beta_3pl": "edi"}


class Telling:
    """Facts of one document of ``source``, received at ``received``; ``sequence`` counts on by itself for a WMS."""

    def __init__(self, ours: Warehouse) -> None:
        self.ours = ours
        self._numbers = dict.fromkeys(FEEDS, 0)
        self._documents = 0

    def fact(self, source: str, kind: str, item: int, quantity: int, recorded: str, **changes: Any) -> Fact:
        place, status = PLACES[source]
        self._numbers[source] += 1
        number = self._numbers[source]
        values = {"item_ref": f"SKU-{item:04d}", "location_ref": place, "status_ref": status}
        if FEEDS[source] == "api":
            values["sequence"] = number
        return said(kind, quantity, recorded, f"{source}-{number}/1", **{**values, **changes})

    def count(self, source: str, item: int, quantity: int, recorded: str, **changes: Any) -> Fact:
        return self.fact(source, "balance", item, quantity, recorded, **changes)

    def move(self, source: str, item: int, quantity: int, recorded: str, **changes: Any) -> Fact:
        return self.fact(source, "movement", item, quantity, recorded, **changes)

    def land(self, source: str, received: datetime, *facts: Fact, numbers: tuple[int, ...] = (), **more: Any) -> None:
        self._documents += 1
        name = f"{source} {self._documents}"
        document = Document(name=name, content=repr(facts).encode(), facts=facts, is_kept=True, **more)
        land(self.ours.loader, Load(source, FEEDS[source], received, [document], numbers=numbers))
