"""Reading numbers at Shopify: by location, many items in one query, at the pace of the bucket."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import fastjsonschema

from syncline.errors import PartnerUnavailable
from syncline.targets.answers import broken
from syncline.targets.contract import Shown
from syncline.targets.reading import QUANTITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncline.targets.contract import Key
    from syncline.targets.shopify.api import AdminApi, Told

SHOW_ITEMS = 100  # in one query: about 3 points each of the 1000 that one query may cost
WAIT_MAX_S = 15.0  # for the bucket, in one reading
_GID = re.compile(r"(?:gid://shopify/(InventoryItem|Location)/)?([0-9]{1,20})")
SHOW = """
query Show($items: [ID!]!, $location: ID!, $names: [String!]!) {
  nodes(ids: $items) {
    ... on InventoryItem { id inventoryLevel(locationId: $location) { quantities(names: $names) { name quantity } } }
  }
}
"""
_level = {
    "type": ["object", "null"],
    "required": ["quantities"],
    "properties": {
        "quantities": {
            "type": "array",
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "quantity"],
                "properties": {"name": {"type": "string"}, "quantity": QUANTITY},
            },
        }
    },
}
_shown = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["nodes"],
        "properties": {
            "nodes": {
                "type": "array",
                "maxItems": SHOW_ITEMS,
                "items": {
                    "type": ["object", "null"],
                    "properties": {"id": {"type": "string", "maxLength": 80}, "inventoryLevel": _level},
                },
            }
        },
    }
)


def gid(kind: str, text: str) -> str:
    """Shopify's own id of an InventoryItem or Location; empty when ``text`` is none."""
    found = _GID.fullmatch(text)
    return f"gid://shopify/{kind}/{found[2]}" if found and found[1] in (None, kind) else ""


def show_numbers(
    api: AdminApi, target: str, keys: Sequence[Key], quantity_name: str, timeout_s: float
) -> dict[Key, Shown]:
    """The number called ``quantity_name`` at each key that is stocked. Raises as ``AdminApi.read``."""
    shown: dict[Key, Shown] = {}
    wait_max_s = WAIT_MAX_S
    told: Told | None = None
    for location, asked in _queries(keys):
        if told is not None:
            wait_max_s -= _pause(target, told, wait_max_s)
        told = api.read(SHOW, {"items": list(asked), "location": location, "names": [quantity_name]}, timeout_s)
        for item, quantity in _numbers(target, told, asked, quantity_name).items():
            shown |= dict.fromkeys(asked[item], Shown(quantity))
    return shown


def _queries(keys: Sequence[Key]) -> Iterator[tuple[str, dict[str, list[Key]]]]:
    """Location, and up to ``SHOW_ITEMS`` items with the keys that mean them."""
    by_location: dict[str, dict[str, list[Key]]] = {}
    for key in keys:
        item, location = gid("InventoryItem", key[0]), gid("Location", key[1])
        if item and location:
            by_location.setdefault(location, {}).setdefault(item, []).append(key)
    for location, items in by_location.items():
        ids = list(items)
        for first in range(0, len(ids), SHOW_ITEMS):
            yield location, {item: items[item] for item in ids[first : first + SHOW_ITEMS]}


def _numbers(target: str, told: Told, asked: Mapping[str, object], quantity_name: str) -> dict[str, int]:
    try:
        _shown(told.data)
    except fastjsonschema.JsonSchemaValueException as error:
        raise broken(target, f"shows numbers outside of its contract: {error.message[:200]}") from None
    numbers: dict[str, int] = {}
    for node in (told.data or {})["nodes"]:
        if not node or "id" not in node or not node.get("inventoryLevel"):
            continue  # not known, not an inventory item, or not stocked there
        for row in node["inventoryLevel"]["quantities"]:
            if node["id"] not in asked or node["id"] in numbers or row["name"] != quantity_name:
                raise broken(target, "shows a number that was not asked for")
            numbers[node["id"]] = int(row["quantity"])  # JSON's 5.0 is an integer to the schema
    return numbers


def _pause(target: str, told: Told, wait_max_s: float) -> float:
    """Let the bucket fill up for the next query, which costs as much; seconds waited."""
    if told.budget is None or told.budget.left >= told.budget.cost:
        return 0.0
    if told.wait_s > wait_max_s:
        raise PartnerUnavailable(
            f"Target {target} has no points left for reading.",
            next_step="Nothing to do: the next run goes on.",
            retry_after_s=told.wait_s,
            target=target,
        )
    time.sleep(told.wait_s)
    return told.wait_s
