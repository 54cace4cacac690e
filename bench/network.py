"""The demo's network with more items: the same three sites and four sources, any number of SKUs."""

from __future__ import annotations

from syncline.config import read_folder
from syncline.config.tables import Row, Rows
from syncline.home import project_root

CLASSES = "ABC"
SPAN = {"valid_from": "-infinity", "valid_to": "infinity"}


def sku(number: int) -> str:
    return f"SKU-{number:05d}"


def acme_ref(number: int) -> str:
    return f"A-{100_000 + number}"


def beta_ref(number: int) -> str:
    return f"BF{number:05d}X"


def configuration(items: int) -> Rows:
    """The seeds with ``items`` SKUs instead of theirs; sites, sources, ownership, channels and tolerances stay."""
    rows = read_folder(project_root() / "dbt_project" / "seeds")
    numbers = range(items)
    rows["items"] = [
        {
            "item": sku(number), "base_uom": "EA", "item_class": CLASSES[number % len(CLASSES)], "unit_value": 0,
            "discontinued_from": "infinity",
        }
        for number in numbers
    ]  # fmt: skip
    rows["item_crosswalk"] = [
        {"source": source, "item_ref": ref(number), "item": sku(number), **SPAN}
        for source, ref in (("*", sku), ("acme_3pl", acme_ref), ("beta_3pl", beta_ref))
        for number in numbers
    ]
    rows["unit_factors"] = [
        factor for number in numbers for factor in (_factor(number, "EA", 1), _factor(number, "CA", 12))
    ]
    return rows


def _factor(number: int, uom: str, units: int) -> Row:
    return {"item": sku(number), "uom": uom, "factor_num": units, "factor_den": 1, **SPAN}
