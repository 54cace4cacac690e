"""One stand-in of each kind, found by its file name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.targets.contract.standin import StandIn

from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults

HERE = Path(__file__).parent
KINDS = sorted(path.stem.removeprefix("standin_") for path in HERE.glob("standin_*.py"))
LATE_S = 0.4
# The long parts of the suite are run for these in every `make test`, for all kinds by `make test-deep`: a target with a
# look-up and one with a document's key and a compare by value.
ALWAYS = ("sap_s4", "shopify")
LONG = ("test_flow.py", "test_hostile.py", "test_references.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        kind = callspec.params.get("standin") if callspec is not None else None
        if kind is not None and kind not in ALWAYS and item.path.name in LONG and item.path.parent == HERE:
            item.add_marker(pytest.mark.deep)


@pytest.fixture(params=KINDS)
def standin(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    """A fresh stand-in, its book stocked, its adapter logged in at the first call."""
    module = import_module(f"tests.targets.contract.standin_{request.param}")
    with module.opened(Book(), VendorFaults(late_s=LATE_S)) as opened:
        yield opened
        opened.adapter.close()


@pytest.fixture
def unused_url() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
