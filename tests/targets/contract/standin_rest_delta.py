"""A described API: deltas in documents, a key for each line, a look-up by reference, OAuth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.targets.contract.standin import StandIn, stocked

from syncline.connections import Connection
from syncline.registry import Target
from syncline.targets.adapters import open_adapter
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.rest import CLIENT, VERSION, build
from syncline.twin.vendors.serving import served

SECRET = "client-secret-of-nobody"
KEYS = (("A-1", "DC1"), ("A-2", "DC1"), ("B/2 ü", "DC2"))
OPTIONS: dict[str, Any] = {
    "auth": {"kind": "oauth2", "token_path": "/oauth/token"},
    "capabilities": {"writes": "delta", "key": "line", "lines_max": 50},
    "write": {
        "path": "/v1/adjustments",
        "document": {"lines": "{lines}"},
        "line": {"id": "{reference}", "sku": "{item}", "site": "{location}", "change": "{quantity}"},
        "results": {
            "rows": "results", "reference": "id", "word": "status", "code": "reason",
            "outcomes": {"booked": "applied", "seen": "replayed", "rejected": "refused"},
        },
        "errors": [{"status": 429, "outcome": "not_executed"}, {"status": 423, "outcome": "not_executed"}],
    },
    "read": {
        "path": "/v1/stock", "params": {"sku": "{items}", "site": "{location}"},
        "rows": "rows", "item": "sku", "location": "site", "quantity": "onHand",
    },
    "find": {
        "path": "/v1/adjustments", "params": {"id": "{reference}"},
        "rows": "rows", "reference": "id", "item": "sku", "location": "site", "quantity": "change",
        "document": "document",
    },
    "check": {"path": "/v1/about", "version": "service.version", "is": VERSION},
}  # fmt: skip


def connected(base_url: str, secret: str, options: dict[str, Any], style: str) -> Any:
    """An adapter by ``options``."""
    target = Target.model_validate(
        {"name": "nobody", "kind": "rest", "conn_id": "nobody", "style": style, "sole_writer": False, "life_s": 30,
         "options": options}
    )  # fmt: skip
    return open_adapter(target, Connection("nobody", "http", base_url, login=CLIENT, password=secret))


@contextmanager
def opened_with(
    book: Book, faults: VendorFaults, options: dict[str, Any], style: str, **peculiar: Any
) -> Iterator[StandIn]:
    """``peculiar``: what else the suite has to know."""
    stocked(book, KEYS)
    app, service = build(book, faults, SECRET)
    with served(app) as base_url:
        yield StandIn(
            adapter=connected(base_url, SECRET, options, style), book=book, faults=faults, keys=KEYS,
            unknown_key=("none", "DC1"), secrets=(SECRET, "wrong-secret"), base_url=base_url,
            adapter_at=lambda url, is_right: connected(url, SECRET if is_right else "wrong-secret", options, style),
            expire_login=service.expire if options["auth"]["kind"] == "oauth2" else None, **peculiar,
        )  # fmt: skip


@contextmanager
def opened(book: Book, faults: VendorFaults) -> Iterator[StandIn]:
    """See ``standin``."""
    with opened_with(book, faults, OPTIONS, "delta") as standin:
        yield standin
