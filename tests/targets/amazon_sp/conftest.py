"""A seller's account on loopback, and adapters at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from syncline.connections import Connection
from syncline.registry.models import Target
from syncline.targets.amazon_sp.client import AmazonClient, open_adapter
from syncline.targets.contract import Document, Line
from syncline.twin.vendors.amazon_sp import Seller, build
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.serving import served

OPTIONS = {"seller_id": "A2EUQ1WTGCTBG2", "marketplace_id": "A1PA6795UKMFR9"}
LOGIN = {"client_id": "amzn1.client.1", "client_secret": "amzn1.oa2-cs.v1.77", "refresh_token": "Atzr|IwEBIJ3b"}
SKU = "GM-ZDPI-9B4E"


@dataclass
class Served:
    """An account with 100 of ``SKU``."""

    seller: Seller
    faults: VendorFaults
    url: str
    open: Callable[..., AmazonClient]


def entry(*, sole_writer: bool = True, **options: Any) -> Target:
    return Target(
        name="amazon_de", kind="amazon_sp", conn_id="amazon_de", style="set", sole_writer=sole_writer, life_s=900,
        timeout_s=5, options=OPTIONS | options,
    )  # fmt: skip


def login_at(url: str, **other: Any) -> Connection:
    values: dict[str, Any] = {"host": url, "login": LOGIN["client_id"], "password": LOGIN["client_secret"]} | other
    extra = {"refresh_token": LOGIN["refresh_token"], "token_url": url} | values.pop("extra", {})
    return Connection("amazon_de", "http", extra=extra, **values)


@pytest.fixture
def amazon() -> Iterator[Served]:
    book, faults = Book({(SKU, "DEFAULT"): 100}), VendorFaults()
    app = build(
        book, faults, seller_id=OPTIONS["seller_id"], marketplace_id=OPTIONS["marketplace_id"], login=LOGIN
    )  # fmt: skip
    app.state.seller.rate = app.state.seller.burst = 1000.0
    adapters: list[AmazonClient] = []
    with served(app) as url:

        def opened(**options: Any) -> AmazonClient:
            adapters.append(open_adapter(entry(**options), login_at(url)))
            return adapters[-1]

        yield Served(app.state.seller, faults, url, opened)
        for adapter in adapters:
            adapter.close()


def document(quantity: int, shown: int | None = 100, sku: str = SKU, channel: str = "DEFAULT") -> Document:
    return Document((Line("c" * 64, sku, channel, quantity, shown=shown),))
