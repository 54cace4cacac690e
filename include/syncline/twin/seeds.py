"""Write the network as configuration: one CSV for each configuration table that is the network's, in its column order.

Empty ``valid_from`` and ``valid_to`` mean unbounded. Source ``*`` in a crosswalk means any source; location and
item class ``*`` in an ownership rule mean any.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from syncline.twin.network import DEMO, EDI_CODES, MEASURES, SAFETY_STOCK, Network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = tuple["str | int", ...]

COLUMNS = {
    "sources": ("source", "system", "feed", "clock_skew_s", "lag_s", "timezone", "hold_s", "sequence"),
    "locations": ("location", "timezone", "region"),
    "items": ("item", "base_uom", "item_class", "unit_value", "discontinued_from"),
    "item_crosswalk": ("source", "item_ref", "item", "valid_from", "valid_to"),
    "location_crosswalk": ("source", "location_ref", "location", "valid_from", "valid_to"),
    "status_crosswalk": ("source", "status_ref", "measure"),
    "unit_factors": ("item", "uom", "factor_num", "factor_den", "valid_from", "valid_to"),
    "ownership_rules": (
        "measure", "location", "item_class", "source", "role", "grain", "movements", "valid_from", "valid_to",
    ),
    "channel_rules": ("channel", "location", "item_class", "safety_stock", "confidence", "discontinued"),
    "tolerances": ("target", "item_class", "units_max"),
    "variance_tolerances": (
        "location", "item_class", "criticality", "measure",
        "open_units", "close_units", "open_permille", "close_permille", "open_value", "close_value",
    ),
    "channel_criticality": ("channel", "location", "item_class", "criticality"),
    "subscriptions": ("subscriber", "event", "location", "item_class", "mode", "outside"),
    "target_items": ("target", "item", "ref"),
    "target_locations": ("target", "location", "ref"),
    "owners": ("team", "location", "owner", "channel"),
}  # fmt: skip
# Tables whose rows are rules of the product, whatever the network is: their files are written by hand.
RULES_OF_THE_PRODUCT = ("exception_rules.csv", "compensation_rules.csv")
# What documents state beside what flows in the demo.
MEASURES_OF_DOCUMENTS = ("in_transit", "consigned", "available", "provisional")
PARTNER_CLOCK_SKEW_S = 60
WMS_HOLD_S = 1800  # above `late_max_s`: what is late by that much is missing
PARTNER_HOLD_S = 14400
UNIT_VALUE = {"A": 4900, "B": 1900, "C": 700}  # minor units of currency
NUMBER_SHOWN = {"erp": "books", "shop": "available"}
TOLERANCE_UNITS = {"erp": 5000, "shop": 5000}


def write_seeds(folder: Path, network: Network = DEMO) -> list[Path]:
    """Write every CSV into ``folder`` (created when missing) and return the paths. Same network, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for table, columns in COLUMNS.items():
        path = folder / f"{table}.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows(table, network))
        paths.append(path)
    return paths


def rows(table: str, network: Network = DEMO) -> Iterator[Row]:
    """Rows of one configuration table, in ``COLUMNS`` order."""
    yield from {
        "sources": _sources,
        "locations": _locations,
        "items": _items,
        "item_crosswalk": _item_crosswalk,
        "location_crosswalk": _location_crosswalk,
        "status_crosswalk": _status_crosswalk,
        "unit_factors": _unit_factors,
        "ownership_rules": _ownership_rules,
        "channel_rules": _channel_rules,
        "tolerances": _tolerances,
        "variance_tolerances": _variance_tolerances,
        "channel_criticality": _channel_criticality,
        "subscriptions": _subscriptions,
        "target_items": _same_names,
        "target_locations": _same_names,
        "owners": _owners,
    }[table](network)


def _sources(network: Network) -> Iterator[Row]:
    for site in network.sites:
        if site.wms:
            yield site.wms, "wms", "api", network.wms_clock_skew_s, 0, site.timezone, WMS_HOLD_S, "gap_free"
    for partner in network.partners:
        yield partner.source, "3pl", "edi", PARTNER_CLOCK_SKEW_S, 0, partner.timezone, PARTNER_HOLD_S, ""


def _locations(network: Network) -> Iterator[Row]:
    for site in network.sites:
        yield site.location, site.timezone, site.region


def _items(network: Network) -> Iterator[Row]:
    for item in network.items:
        yield item.sku, "EA", item.item_class, UNIT_VALUE[item.item_class], ""


def _item_crosswalk(network: Network) -> Iterator[Row]:
    for item in network.items:
        yield "*", item.sku, item.sku, "", ""
    for partner in network.partners:
        for item in network.items:
            yield partner.source, partner.item_ref(item), item.sku, "", ""


def _location_crosswalk(network: Network) -> Iterator[Row]:
    for site in network.sites:
        yield "*", site.location, site.location, "", ""
    for partner in network.partners:
        yield partner.source, partner.warehouse_ref, partner.location, "", ""


def _status_crosswalk(network: Network) -> Iterator[Row]:
    for measure in (*MEASURES, *MEASURES_OF_DOCUMENTS):
        yield "*", measure, measure
    for partner in network.partners:
        for measure, code in EDI_CODES.items():
            yield partner.source, code, measure


def _unit_factors(network: Network) -> Iterator[Row]:
    for item in network.items:
        yield item.sku, "EA", 1, 1, "", ""
        yield item.sku, "CA", item.case_units, 1, "", ""


def _ownership_rules(network: Network) -> Iterator[Row]:
    documents = {partner.source: partner.documents for partner in network.partners}
    for measure in MEASURES:
        for location, site in network.locations.items():
            if site.wms:
                yield measure, location, "*", site.wms, "primary", "item", "", "", ""
            if site.partner:
                role = "secondary" if site.wms else "primary"
                # A shipment that the WMS tells too is known by its event key; one that it never tells must count.
                is_heard = site.wms and measure == "on_hand" and "945" in documents[site.partner]
                movements = "apply" if is_heard else ""
                yield measure, location, "*", site.partner, role, "item", movements, "", ""


def _channel_rules(network: Network) -> Iterator[Row]:
    for site in network.sites:
        for item_class, safety_stock in SAFETY_STOCK.items():
            yield "shop", site.location, item_class, safety_stock, "quantity", ""


def _tolerances(_: Network) -> Iterator[Row]:
    for target, units_max in TOLERANCE_UNITS.items():
        for item_class in SAFETY_STOCK:
            yield target, item_class, units_max


def _variance_tolerances(_: Network) -> Iterator[Row]:
    """The twin knows the truth: whatever is off is wrong."""
    yield "*", "*", "*", "*", 0, 0, "", "", "", ""


def _channel_criticality(_: Network) -> Iterator[Row]:
    """What sells fastest hurts first."""
    yield "shop", "*", "A", "high"
    yield "shop", "*", "C", "low"


def _subscriptions(_: Network) -> Iterator[Row]:
    for target, number in NUMBER_SHOWN.items():
        yield target, number, "*", "*", "live", "hold"


def _same_names(_: Network) -> Iterator[Row]:
    """The twin's targets call things as we do."""
    return iter(())


def _owners(network: Network) -> Iterator[Row]:
    for team in ("erp", "commerce", "finance"):
        yield team, "*", f"{team} desk", f"{team}@example.com"
    yield "warehouse", "*", "inventory control", "inventory@example.com"
    for site in network.sites:
        yield "warehouse", site.location, f"{site.location} floor", f"{site.location.lower()}@example.com"
    yield "partner", "*", "partner desk", "partners@example.com"
    for partner in network.partners:
        yield "partner", partner.source, f"{partner.source} contact", f"edi@{partner.source.replace('_', '-')}.example"
