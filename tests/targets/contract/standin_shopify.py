"""Shopify: set by compare, tokens of the client credentials grant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.targets.contract.standin import StandIn, stocked

from syncline.connections import Connection
from syncline.registry.models import Target
from syncline.targets.shopify.client import ShopifyClient, open_adapter
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.serving import served
from syncline.twin.vendors.shopify import build

LOCATION = "106318430514"
KEYS = (("53208220533042", LOCATION), ("53489632280882", LOCATION), ("53593660588338", "106318430999"))
SECRET = "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"
CLIENT = ("1f2e3d4c5b6a79880716253443526170", SECRET)
TARGET = Target(
    name="shop_de", kind="shopify", conn_id="shop_de", style="set", sole_writer=False, life_s=30, timeout_s=5
)


@contextmanager
def opened(book: Book, faults: VendorFaults) -> Iterator[StandIn]:
    stocked(book, KEYS)
    app = build(book, faults, client=CLIENT)
    app.state.shop.restored_per_s = 100_000.0  # a suite is in more of a hurry than a shop
    with served(app) as base_url:

        def adapter_at(url: str, is_right: bool) -> ShopifyClient:
            password = SECRET if is_right else "shpss_ffffffffffffffffffffffffffffffff"
            return open_adapter(TARGET, Connection("shop_de", "http", host=url, login=CLIENT[0], password=password))

        yield StandIn(
            adapter=adapter_at(base_url, True),
            book=book,
            faults=faults,
            keys=KEYS,
            unknown_key=("53000000000001", LOCATION),
            secrets=(SECRET, "shpss_ffffffffffffffffffffffffffffffff"),
            base_url=base_url,
            adapter_at=adapter_at,
            expire_login=app.state.shop.expire_tokens,
        )
