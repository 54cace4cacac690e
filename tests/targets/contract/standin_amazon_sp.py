"""Amazon's Selling Partner API: set without key or compare, accepted at once and in effect later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.targets.contract.standin import StandIn, stocked

from syncline.connections import Connection
from syncline.registry.models import Target
from syncline.targets.amazon_sp.client import AmazonClient, open_adapter
from syncline.twin.vendors.amazon_sp import build
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.serving import served

SELLER, MARKETPLACE = "A2EUQ1WTGCTBG2", "A1PA6795UKMFR9"
KEYS = (("GM-ZDPI-9B4E", "DEFAULT"), ("Peak Biome/BowelGuard #2", "DEFAULT"), ("TEE-M,BLUE", "DEFAULT"))
LOGIN = {
    "client_id": "amzn1.application-oa2-client.0123456789abcdef",
    "client_secret": "amzn1.oa2-cs.v1.9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "refresh_token": "Atzr|IwEBIJ3bT5sYxXcVbNmAsDfGhJkL",
}
WRONG = "Atzr|IwEBIffffffffffffffffffffffff"
TARGET = Target(
    name="amazon_de", kind="amazon_sp", conn_id="amazon_de", style="set", sole_writer=True, life_s=900, timeout_s=5,
    options={"seller_id": SELLER, "marketplace_id": MARKETPLACE},
)  # fmt: skip


@contextmanager
def opened(book: Book, faults: VendorFaults) -> Iterator[StandIn]:
    stocked(book, KEYS)
    app = build(book, faults, seller_id=SELLER, marketplace_id=MARKETPLACE, login=LOGIN)
    app.state.seller.rate = app.state.seller.burst = 1000.0  # a suite is in more of a hurry than a seller
    with served(app) as base_url:

        def adapter_at(url: str, is_right: bool) -> AmazonClient:
            return open_adapter(
                TARGET,
                Connection(
                    "amazon_de", "http", host=url, login=LOGIN["client_id"], password=LOGIN["client_secret"],
                    extra={"refresh_token": LOGIN["refresh_token"] if is_right else WRONG, "token_url": url},
                ),
            )  # fmt: skip

        yield StandIn(
            adapter=adapter_at(base_url, True),
            book=book,
            faults=faults,
            keys=KEYS,
            unknown_key=("NO-SUCH-SKU", "DEFAULT"),
            secrets=(LOGIN["client_secret"], LOGIN["refresh_token"], WRONG),
            base_url=base_url,
            adapter_at=adapter_at,
            expire_login=app.state.seller.expire_tokens,
            shaped=frozenset({"throttled", "partial"}),
        )
