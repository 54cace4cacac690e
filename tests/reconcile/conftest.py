"""A partner on loopback whose pages a test writes, and the twin."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from tests.twin.conftest import erp_dsn, serve

from syncline.config import apply, read_folder
from syncline.connections import Connection
from syncline.home import project_root
from syncline.reconcile.books import Books
from syncline.reconcile.pages import WMS
from syncline.registry import Balances
from syncline.warehouse.connect import connect_dsn

__all__ = ["erp_dsn", "serve"]
AS_OF = "2026-11-02T13:00:00.000Z"
SCOPE = {"locations": ["DC1"], "measures": ["on_hand"]}


def a_page(number: int, units: list[int], **other: Any) -> dict[str, Any]:
    """Page ``number`` with a line for each of ``units``; items are numbered through, five a page."""
    lines = [
        {"sku": f"SKU-{5 * (number - 1) + index:04d}", "measure": "on_hand", "uom": "EA", "quantity": quantity}
        for index, quantity in enumerate(units, 1)
    ]
    page = {"as_of": AS_OF, "page": number, "scope": SCOPE, "balances": lines, "next_page_token": str(number + 1)}
    return {**page, **other}


def a_state() -> list[dict[str, Any]]:
    """Three pages that prove: 12 lines, 78 units."""
    last = {"next_page_token": None, "control": {"lines": 12, "units": 78}}
    return [a_page(1, [1, 2, 3, 4, 5]), a_page(2, [6, 7, 8, 9, 10]), a_page(3, [11, 12], **last)]


@dataclass
class Partner:
    """Answers ``pages`` by their token, 1 without one: an object, bytes as they are, or a status."""

    pages: list[Any]
    etags: dict[int, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def connection(self) -> Connection:
        return Connection("dc1_wms", "http", "127.0.0.1", self.port, password="secret-token")

    def books(self, **limits: int) -> Books:
        return Books(
            "dc1_wms", "wms", "dc1_wms", "DC1", "DC1", "/wms/v1/DC1/balances", {}, WMS,
            Balances(**{"page_limit": 5, **limits}), 5, 1,
        )  # fmt: skip


@pytest.fixture
def partner() -> Iterator[Callable[[list[Any]], Partner]]:
    with ExitStack() as stack:

        def start(pages: list[Any]) -> Partner:
            told = Partner(pages)
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(told))
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(server.shutdown)
            told.port = server.server_port
            return told

        yield start


def _handler(told: Partner) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            told.asked.append(asked)
            number = int(asked.get("page_token", "1"))
            page = told.pages[number - 1] if number <= len(told.pages) else 404
            status = page if isinstance(page, int) else 200
            content = page if isinstance(page, bytes) else b"{}" if isinstance(page, int) else json.dumps(page).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", told.etags.get(number, '"one"'))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    return Handler


@pytest.fixture
def seeds(warehouse: psycopg.Connection) -> None:
    """The demo's configuration."""
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), datetime(2026, 11, 2, 12, tzinfo=UTC), "t")


@pytest.fixture
def loader(seeds: None, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("loader")) as conn:
        yield conn
