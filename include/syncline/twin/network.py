"""The demo network: sites, items and the codes each system writes for them."""

from __future__ import annotations

from dataclasses import dataclass

MEASURES = ("on_hand", "allocated", "damaged", "quarantined")
EDI_CODES = {"on_hand": "17", "allocated": "27", "quarantined": "QH", "damaged": "74"}


@dataclass(frozen=True)
class Item:
    """One stock item. Stock is counted in ``EA``; a case holds ``case_units``."""

    number: int
    item_class: str
    case_units: int
    scarce: bool

    @property
    def sku(self) -> str:
        """Code of the WMS, the ERP and the shop, and our own."""
        return f"SKU-{self.number:04d}"

    @property
    def alias(self) -> str:
        """A second code of the WMS that no crosswalk knows until somebody teaches it (fault ``unknown_sku``)."""
        return f"ALT-{self.number:04d}"


@dataclass(frozen=True)
class Site:
    """One warehouse: ``wms`` names its API source, ``partner`` the one that sends EDI 846 about it."""

    location: str
    timezone: str
    region: str
    wms: str | None
    partner: str | None
    demand_share: int


@dataclass(frozen=True)
class Partner:
    """A 3PL that uploads 846 files. ``timezone`` is the zone its times are written in (EDI has none)."""

    source: str
    location: str
    timezone: str
    sender_id: str
    warehouse_ref: str
    sku_pattern: str
    every_s: int
    files_stale: bool

    def item_ref(self, item: Item) -> str:
        return self.sku_pattern.format(item.number)


def _item(number: int) -> Item:
    item_class = "A" if number <= 16 else "B" if number <= 40 else "C"
    case_units = 24 if number % 7 == 0 else 6 if number % 5 == 0 else 12
    return Item(number, item_class, case_units, scarce=number % 4 == 0)


ITEMS = tuple(_item(number) for number in range(1, 81))
SITES = (
    Site("DC1", "America/Chicago", "us", "dc1_wms", "acme_3pl", demand_share=5),
    Site("DC2", "Europe/Berlin", "eu", "dc2_wms", None, demand_share=3),
    Site("DC3", "America/New_York", "us", None, "beta_3pl", demand_share=2),
)
PARTNERS = (
    # The hybrid site's 3PL is secondary there and careless about its as-of; the EDI-only site's is the only voice.
    Partner("acme_3pl", "DC1", "America/Chicago", "ACMELOGISTICS", "ACM-CHI", "A-1{:04d}", 1800, files_stale=True),
    Partner("beta_3pl", "DC3", "America/New_York", "BETAFULFIL", "BETA-NJ2", "BF{:04d}X", 1200, files_stale=False),
)
SKUS = {item.sku: item for item in ITEMS}
LOCATIONS = {site.location: site for site in SITES}
SAFETY_STOCK = {"A": 3, "B": 1, "C": 0}
