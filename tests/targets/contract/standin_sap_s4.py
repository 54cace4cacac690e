"""SAP S/4HANA with OAuth 2, behind a gateway that declares 429; the CSRF session expires with the token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.targets.contract.standin import StandIn, stocked

from syncline.connections import Connection
from syncline.registry.models import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.sap_s4.client import SapClient
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.sap_s4 import build
from syncline.twin.vendors.serving import served

KEYS = (("MZ-TG-A10", "1710/171A"), ("MZ-TG-A10", "1710/171B"), ("O'NEIL 7", "1010/101A"))
UNKNOWN_KEY = ("MZ-TG-X99", "1710/171A")
USER = "SYNCLINE_COM"
PASSWORD = "a-password-of-the-tests"
OPTIONS = {
    "goods_movement_code": "03", "increase": "552", "decrease": "551", "unit": "EA", "time_zone": "Europe/Berlin",
    "client": "100",
}  # fmt: skip


def target(**options: Any) -> Target:
    return Target(
        name="sap", kind="sap_s4", conn_id="sap", style="delta", sole_writer=False, life_s=60, timeout_s=5,
        not_executed=(429,), options=OPTIONS | options,
    )  # fmt: skip


def adapter_at(base_url: str, is_login_right: bool, **options: Any) -> SapClient:
    password = PASSWORD if is_login_right else "a-wrong-password"
    connection = Connection("sap", "http", host=base_url, login=USER, password=password)
    adapter = open_adapter(target(**{"login": "oauth2"} | options), connection)
    assert isinstance(adapter, SapClient)
    return adapter


@contextmanager
def opened(book: Book, faults: VendorFaults) -> Iterator[StandIn]:
    """See ``standin``."""
    stocked(book, KEYS)
    app = build(book, faults, USER, PASSWORD)
    with served(app) as base_url:
        yield StandIn(
            adapter_at(base_url, True), book, faults, KEYS, UNKNOWN_KEY,
            secrets=(PASSWORD, "a-wrong-password"), base_url=base_url, adapter_at=adapter_at,
            expire_login=app.state.system.expire,
            shaped=frozenset({"throttled", "locked"}),  # a document is posted as a whole
        )  # fmt: skip
