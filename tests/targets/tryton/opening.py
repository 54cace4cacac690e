"""A Tryton that is stocked for one test, as the contract suite wants a stand-in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from tests.targets.contract.standin import STOCKED, StandIn
from tests.targets.tryton.book import TrytonBook
from tests.targets.tryton.faulty import build
from tests.targets.tryton.installation import Installation
from tests.targets.tryton.seeding import DATABASE, LOGIN, PASSWORD

from syncline.connections import Connection
from syncline.registry import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.tryton.client import TrytonClient
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.serving import served

WRONG = "wrong-password"


def connected(base_url: str, login: str = LOGIN, password: str = PASSWORD, **options: Any) -> TrytonClient:
    """An adapter of the user ``login``."""
    target = Target(
        name="books", kind="tryton", conn_id="books", style="delta", sole_writer=False, life_s=60,
        options={"database": DATABASE, **options},
    )  # fmt: skip
    adapter = open_adapter(target, Connection("books", "http", base_url, login=login, password=password))
    assert isinstance(adapter, TrytonClient)
    return adapter


@contextmanager
def opened(installation: Installation, faults: VendorFaults, step: str = "do") -> Iterator[StandIn]:
    """Three new products at ``STOCKED``; ``faults`` meet ``step`` of the posting."""
    with psycopg.connect(installation.dsn, autocommit=True) as conn:
        conn.execute("delete from res_user_login_attempt")  # six wrong logins lock everybody out for minutes
        # What other tests left on the way to `do`: a check would tell of it.
        conn.execute("update stock_shipment_internal set state = 'cancelled' where state <> 'done'")
        conn.execute("update stock_move set state = 'cancelled' where state <> 'done'")
        admin = installation.admin()
        mark = secrets.token_hex(4)  # new to the database, which all tests of a session share
        keys = tuple((f"{mark}-{number}", location) for number, location in enumerate(("DC1", "DC1", "DC2")))
        admin.make_products([item for item, _ in keys])
        book = TrytonBook(installation.dsn, admin, keys)
        book.stock(STOCKED)
        with served(build(installation.base_url, faults, step)) as base_url:
            adapter = connected(base_url)
            try:
                yield StandIn(
                    adapter=adapter, book=book, faults=faults, keys=keys, unknown_key=(f"{mark}-none", "DC1"),
                    secrets=(PASSWORD, WRONG), base_url=base_url,
                    adapter_at=lambda url, is_right: connected(url, password=PASSWORD if is_right else WRONG),
                    expire_login=lambda: conn.execute("delete from ir_session") and None,
                    # No business call of Tryton is throttled, and a posting is one transaction.
                    shaped=frozenset({"locked"}),
                )  # fmt: skip
            finally:
                adapter.close()
