"""Reading the numbers of listings: twenty SKUs in one request, at the rate of the account.

Page: model listingsItems_2021-08-01: searchListingsItems (``identifiers``: 20 at most, separated by commas), and
getListingsItem for a SKU that has a comma itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import fastjsonschema

from syncline.targets.amazon_sp.api import ITEMS_PATH, rate
from syncline.targets.answers import broken
from syncline.targets.contract import Shown
from syncline.targets.reading import QUANTITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncline.targets.amazon_sp.api import SpApi
    from syncline.targets.contract import Key
    from syncline.targets.http import Answer

SKUS_MAX = 20
SKU_MAX = 100
PAGES_MAX = 5  # of one request: its SKUs fit into one
BURST = 5  # requests that an account may make at once
PAUSE_MAX_S = 2.0
ROWS_MAX = 200
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_item = {
    "type": "object",
    "required": ["sku"],
    "properties": {
        "sku": _TEXT,
        "fulfillmentAvailability": {
            "type": "array",
            "maxItems": ROWS_MAX,
            "items": {
                "type": "object",
                "required": ["fulfillmentChannelCode"],
                # Without a quantity it is a channel that Amazon counts itself.
                "properties": {"fulfillmentChannelCode": _TEXT, "quantity": QUANTITY},
            },
        },
    },
}
_valid_item = fastjsonschema.compile(_item)
_valid_page = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "maxItems": SKUS_MAX, "items": _item},
            "pagination": {
                "type": ["object", "null"],
                "properties": {"nextToken": {"type": ["string", "null"], "minLength": 1, "maxLength": 2000}},
            },
        },
    }
)


def is_sku(text: str) -> bool:
    """Can be part of an address: of dots alone it would be a way up."""
    return 0 < len(text) <= SKU_MAX and text.isprintable() and text.strip(".") != "" and text == text.strip()


def show_numbers(
    api: SpApi, target: str, seller: str, marketplace: str, keys: Sequence[Key], timeout_s: float
) -> dict[Key, Shown]:
    """The number of each key that is listed with one. Raises as ``SpApi.read``."""
    shown: dict[Key, Shown] = {}
    for number, (path, asked) in enumerate(_requests(seller, keys)):
        params = {"marketplaceIds": marketplace, "includedData": "fulfillmentAvailability"} | asked
        for _ in range(PAGES_MAX):
            answer = api.read(path, params, timeout_s)
            items, token = _items(target, answer, is_alone=not asked)
            for item in items:
                for channel, quantity in numbers_of(target, item).items():
                    shown[item["sku"], channel] = Shown(quantity)
            if number + 1 >= BURST:
                time.sleep(min(1.0 / rate(answer), PAUSE_MAX_S))
            if token is None:
                break
            params |= {"pageToken": token}
        else:
            raise broken(target, f"shows more than {PAGES_MAX} pages of {SKUS_MAX} listings")
    return {key: shown[key] for key in keys if key in shown}


def numbers_of(target: str, item: Any) -> dict[str, int]:
    """Quantity by channel of one listing.

    Raises:
        PartnerContractBroken: it is no listing, or says a channel twice.
    """
    try:
        _valid_item(item)
    except fastjsonschema.JsonSchemaValueException as error:
        raise broken(target, f"shows numbers outside of its contract: {error.message[:200]}") from None
    numbers: dict[str, int] = {}
    for row in item.get("fulfillmentAvailability", ()):
        channel = row["fulfillmentChannelCode"]
        if channel in numbers:
            raise broken(target, f"shows channel {channel!r} twice")
        if "quantity" in row:
            numbers[channel] = int(row["quantity"])  # JSON's 5.0 is an integer to the schema
    return numbers


def _requests(seller: str, keys: Sequence[Key]) -> Iterator[tuple[str, dict[str, str | int]]]:
    """Path and parameters: up to ``SKUS_MAX`` SKUs, or without parameters one that has a comma."""
    skus = list(dict.fromkeys(item for item, _ in keys if is_sku(item)))
    plain = [sku for sku in skus if "," not in sku]
    for first in range(0, len(plain), SKUS_MAX):
        listed = ",".join(plain[first : first + SKUS_MAX])
        yield f"{ITEMS_PATH}/{seller}", {"identifiersType": "SKU", "identifiers": listed, "pageSize": SKUS_MAX}
    yield from ((f"{ITEMS_PATH}/{seller}/{quote(sku, safe='')}", {}) for sku in skus if "," in sku)


def _items(target: str, answer: Answer, *, is_alone: bool) -> tuple[list[dict[str, Any]], str | None]:
    """Listings of an answer, and the token of the page after it."""
    if answer.status_code != 200:
        return [], None  # no such listing
    if is_alone:
        return [answer.body], None
    try:
        _valid_page(answer.body)
    except fastjsonschema.JsonSchemaValueException as error:
        raise broken(target, f"shows numbers outside of its contract: {error.message[:200]}") from None
    return list(answer.body["items"]), (answer.body.get("pagination") or {}).get("nextToken")
