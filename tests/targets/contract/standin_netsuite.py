"""NetSuite: an account with one adjustment account, items and locations by internal id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.targets.contract.standin import StandIn, stocked

from syncline.connections import Connection
from syncline.registry.models import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.netsuite.client import NetSuiteClient
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.netsuite import Client, build
from syncline.twin.vendors.serving import served

KEYS = (("20", "1"), ("21", "1"), ("21", "2"))
UNKNOWN_KEY = ("9999", "1")
CERTIFICATE_ID = "cert-of-the-tests"
TARGET = Target(
    name="netsuite", kind="netsuite", conn_id="netsuite", style="delta", sole_writer=False, life_s=900, timeout_s=5,
    options={"account": "540", "subsidiary": "1", "location": "1"},
)  # fmt: skip


@cache
def key_pair(name: str) -> tuple[str, bytes]:
    """Private and public key as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    return private.decode(), public


def connection(base_url: str, is_login_right: bool = True) -> Connection:
    private, _ = key_pair("ours" if is_login_right else "a stranger's")
    return Connection(
        "netsuite", "http", host=base_url, login="client-1", password=private, extra={"certificate_id": CERTIFICATE_ID}
    )


def adapter_at(base_url: str, is_login_right: bool) -> NetSuiteClient:
    adapter = open_adapter(TARGET, connection(base_url, is_login_right))
    assert isinstance(adapter, NetSuiteClient)
    return adapter


@contextmanager
def opened(book: Book, faults: VendorFaults) -> Iterator[StandIn]:
    """See ``standin``."""
    stocked(book, KEYS)
    app = build(book, faults, Client("client-1", CERTIFICATE_ID, key_pair("ours")[1]))
    with served(app) as base_url:
        yield StandIn(
            adapter_at(base_url, True), book, faults, KEYS, UNKNOWN_KEY,
            secrets=tuple(key_pair("ours")[0].splitlines()[1:-1]), base_url=base_url, adapter_at=adapter_at,
            expire_login=app.state.account.expire,
            shaped=frozenset({"throttled", "locked"}),  # an upsert is one record: saved or not
        )  # fmt: skip
