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

KINDS = sorted(path.stem.removeprefix("standin_") for path in Path(__file__).parent.glob("standin_*.py"))
LATE_S = 0.4


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
