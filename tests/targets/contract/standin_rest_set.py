"""A described API: one number a call, set only where its ETag is still the one we read; basic login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.targets.contract.standin import StandIn
from tests.targets.contract.standin_rest_delta import opened_with

from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.rest import VERSION

OPTIONS: dict[str, Any] = {
    "auth": {"kind": "basic"},
    "capabilities": {"writes": "set", "compare": "version"},
    "write": {
        "method": "PUT", "path": "/v1/stock/{location}/{item}",
        "document": {"onHand": "{quantity}", "reference": "{reference}"},
        "version_header": "If-Match",
        "result": {"echo": {"sku": "{item}", "site": "{location}", "onHand": "{quantity}"}},
        "error_code": "error.code",
        "errors": [
            {"status": 412, "code": "version_moved", "outcome": "stale"},
            {"status": 422, "code": "unknown_sku", "outcome": "refused"},
            {"status": 429, "outcome": "not_executed", "retry_after_s": 5},
            {"status": 423, "outcome": "not_executed"},
        ],
    },
    "read": {
        "path": "/v1/stock/{location}/{item}", "quantity": "onHand", "item": "sku", "location": "site",
        "version": "etag", "error_code": "error.code", "absent": {"status": 404, "code": "unknown_sku"},
    },
    "check": {"path": "/v1/about", "version": "service.version", "is": VERSION},
}  # fmt: skip


@contextmanager
def opened(book: Book, faults: VendorFaults) -> Iterator[StandIn]:
    """See ``standin``."""
    with opened_with(book, faults, OPTIONS, "set") as standin:
        yield standin
