"""A shop on loopback, and adapters at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from syncline.connections import Connection
from syncline.registry.models import Target
from syncline.targets.contract import Document, Line
from syncline.targets.shopify.client import ShopifyClient, open_adapter
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.serving import served
from syncline.twin.vendors.shopify import Shop, build

TOKEN = "shpat_0123456789abcdef0123456789abcdef"
BERLIN, PARIS = "1001", "1002"
ITEMS = ("501", "502", "503")


@dataclass
class Served:
    """A shop whose items have 100 in Berlin; 501 has 7 in Paris, too."""

    shop: Shop
    faults: VendorFaults
    url: str
    open: Callable[..., ShopifyClient]


@pytest.fixture
def shopify() -> Iterator[Served]:
    book = Book({(item, BERLIN): 100 for item in ITEMS} | {("501", PARIS): 7})
    faults = VendorFaults()
    app = build(book, faults, token=TOKEN)
    adapters: list[ShopifyClient] = []
    with served(app) as url:

        def opened(**options: Any) -> ShopifyClient:
            adapters.append(open_adapter(entry(**options), Connection("shop_de", "http", host=url, password=TOKEN)))
            return adapters[-1]

        yield Served(app.state.shop, faults, url, opened)
        for adapter in adapters:
            adapter.close()


def entry(**options: Any) -> Target:
    return Target(
        name="shop_de", kind="shopify", conn_id="shop_de", style=options.get("writes", "set"), sole_writer=False,
        life_s=30, timeout_s=5, options=options,
    )  # fmt: skip


def line(item: str, quantity: int, shown: int | None = 100, location: str = BERLIN, name: str = "a") -> Line:
    return Line((name + item + location).encode().hex().ljust(64, "0")[:64], item, location, quantity, shown=shown)


def document(*lines: Line) -> Document:
    return Document(tuple(sorted(lines, key=lambda each: (each.item, each.location))))
