"""The simulated network: sites, items and the codes each system writes for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from syncline.errors import ConfigurationError

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
    """One warehouse: ``wms`` names its API source, ``partner`` the one that sends EDI about it."""

    location: str
    timezone: str
    region: str
    wms: str | None
    partner: str | None
    demand_share: int


@dataclass(frozen=True)
class Partner:
    """A 3PL that uploads files. ``timezone`` is the zone its times are written in (EDI has none).

    ``documents``: which of 944, 945 and 947 it sends of what happens between its 846.
    """

    source: str
    location: str
    timezone: str
    sender_id: str
    warehouse_ref: str
    sku_pattern: str
    every_s: int
    files_stale: bool
    documents: tuple[str, ...] = ()

    def item_ref(self, item: Item) -> str:
        return self.sku_pattern.format(item.number)


@dataclass(frozen=True)
class Network:
    """Every item is stocked at every site."""

    items: tuple[Item, ...]
    sites: tuple[Site, ...]
    partners: tuple[Partner, ...]
    wms_clock_skew_s: int = 2  # declared; their clocks are right

    @classmethod
    def sized(cls, items: int, hybrid_every_s: int, edi_only_every_s: int) -> Network:
        """The demo's sites with ``items`` items, partners that send that often, and WMS clocks declared to be right."""
        if not 1 <= items <= ITEMS_MAX:
            raise ConfigurationError(
                f"A network of {items} items is not simulated.", next_step=f"Give 1 to {ITEMS_MAX} items."
            )
        hybrid, edi_only = PARTNERS
        partners = replace(hybrid, every_s=hybrid_every_s), replace(edi_only, every_s=edi_only_every_s)
        return cls(tuple(_item(number, items) for number in range(1, items + 1)), SITES, partners, 0)

    @cached_property
    def skus(self) -> dict[str, Item]:
        return {item.sku: item for item in self.items}

    @cached_property
    def locations(self) -> dict[str, Site]:
        return {site.location: site for site in self.sites}


def _item(number: int, of: int) -> Item:
    item_class = "A" if number * 5 <= of else "B" if number * 2 <= of else "C"
    case_units = 24 if number % 7 == 0 else 6 if number % 5 == 0 else 12
    return Item(number, item_class, case_units, scarce=number % 4 == 0)


SITES = (
    Site("DC1", "America/Chicago", "us", "dc1_wms", "acme_3pl", demand_share=5),
    Site("DC2", "Europe/Berlin", "eu", "dc2_wms", None, demand_share=3),
    Site("DC3", "America/New_York", "us", None, "beta_3pl", demand_share=2),
)
PARTNERS = (
    # The hybrid site's 3PL is secondary there and careless about its as-of; the EDI-only site's is the only voice.
    # One tells again what the site's WMS tells, by a 945; of the other's movements nothing else is ever heard.
    Partner("acme_3pl", "DC1", "America/Chicago", "ACMELOGISTICS", "ACM-CHI", "A-1{:04d}", 1800, True, ("945",)),
    Partner(
        "beta_3pl", "DC3", "America/New_York", "BETAFULFIL", "BETA-NJ2", "BF{:04d}X", 1200, False, ("944", "945", "947")
    ),
)
ITEMS_MAX = 9999  # a code has four digits
ITEMS = tuple(_item(number, of=80) for number in range(1, 81))
DEMO = Network(ITEMS, SITES, PARTNERS)
SAFETY_STOCK = {"A": 3, "B": 1, "C": 0}
