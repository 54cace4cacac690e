"""Orders of a partner that lies, breaks off or is careless: over real HTTP, into a real warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import psycopg
import pytest
from loopback_wms import DAY, WmsServer, body

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, RetryableError
from syncline.landing.lane import source_lane
from syncline.loops import land_orders
from syncline.registry import Source
from syncline.sources.erp_orders import OrdersClient, open_client, pull
from syncline.warehouse.connect import connect_dsn

NOW = DAY + timedelta(hours=12)
SOURCE = Source(name="erp_orders", kind="erp_orders", conn_id="erp", timeout_s=1, retries=1, page_limit=3)


class OrdersServer(WmsServer):
    """Serves ``events`` as the change list of orders."""

    def reply(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        if self.replies:
            self.replies.pop(0)(handler)
            return
        after = int(query["after"])
        page = self.events[after : after + int(query["limit"])]
        body(handler, told(page, after + len(page), after + len(page) < len(self.events)))


def told(lines: Any, position: Any, has_more: Any = False) -> bytes:
    return json.dumps({"orders": lines, "next": position, "has_more": has_more}).encode()


def order(number: int, **rest: Any) -> dict[str, Any]:
    line = {"order_line": f"O-{number}/1", "item": "SKU-0001", "location": "DC1", "quantity": 4, "uom": "EA"}
    return {**line, "released_at": "2026-11-02T09:00:00Z", "unit_price": 250, "currency": "EUR", **rest}


@pytest.fixture
def erp() -> Iterator[OrdersServer]:
    server = OrdersServer()
    yield server
    server.close()


@pytest.fixture
def client(erp: OrdersServer) -> Iterator[OrdersClient]:
    with open_client(Connection("erp", "http", host="127.0.0.1", port=erp.port, password="token"), SOURCE) as opened:
        yield opened


@pytest.fixture
def loader(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("loader")) as connection:
        yield connection


def rows(conn: psycopg.Connection, query: str) -> list[Any]:
    return conn.execute(query.encode()).fetchall()


def after(conn: psycopg.Connection) -> Any:
    return rows(conn, "select cursor ->> 'after' from ops.source_cursors")


def test_pages_move_the_cursor_and_a_quiet_poll_writes_nothing(
    loader: psycopg.Connection, erp: OrdersServer, client: OrdersClient
) -> None:
    erp.events = [order(n) for n in range(8)]
    result = pull(loader, client, SOURCE, NOW)
    assert (result.facts, result.faults, result.documents, result.is_complete) == (8, 0, 3, True)
    assert rows(loader, "select count(*), min(unit_price) from raw.order_terms") == [(8, 250)]
    again = pull(loader, client, SOURCE, NOW + timedelta(minutes=1))
    assert (again.facts, again.load_id) == (0, None)
    assert after(loader) == [("8",)]
    erp.events.append(order(3, revision=2, is_cancelled=True))
    assert pull(loader, client, SOURCE, NOW + timedelta(minutes=2)).facts == 1
    assert [request["after"] for request in erp.requests] == ["0", "3", "6", "8", "8"]


def test_a_poll_that_breaks_off_goes_on_behind_what_it_landed(
    loader: psycopg.Connection, erp: OrdersServer, client: OrdersClient
) -> None:
    erp.events = [order(n) for n in range(6)]

    def well(handler: BaseHTTPRequestHandler) -> None:
        body(handler, told(erp.events[:3], 3, True))

    erp.replies = [well, *[lambda handler: body(handler, b"", 503)] * 2]
    with pytest.raises(PartnerUnavailable):
        pull(loader, client, SOURCE, NOW)
    assert after(loader) == [("3",)]
    assert rows(loader, "select polled_at = 'epoch' from ops.source_cursors") == [(True,)]
    assert pull(loader, client, SOURCE, NOW).facts == 3
    assert rows(loader, "select count(*) from raw.order_terms") == [(6,)]


def test_a_limit_of_pages_leaves_the_rest_for_the_next_poll(
    loader: psycopg.Connection, erp: OrdersServer, client: OrdersClient
) -> None:
    erp.events = [order(n) for n in range(7)]
    short = SOURCE.model_copy(update={"pages_max": 2})
    assert not pull(loader, client, short, NOW).is_complete
    assert pull(loader, client, short, NOW).is_complete
    assert after(loader) == [("7",)]


BROKEN = [
    "text",
    None,
    [],
    order(1, quantity=-1),
    order(2, quantity=1.5),
    order(3, quantity=True),
    order(4, released_at="2026-11-02T09:00:00"),
    order(5, currency="eur"),
    order(6, item="SKU\x00"),
    order(7, **{"tru\x00th": 1}),
    order(8, revision=0),
    order(9, item="\ud800"),
]


def test_a_line_that_breaks_the_contract_is_kept_out_with_its_place_and_the_rest_counts(
    loader: psycopg.Connection, erp: OrdersServer, client: OrdersClient
) -> None:
    for broken in BROKEN:
        erp.events += [order(100 + len(erp.events)), broken]
    wide = SOURCE.model_copy(update={"page_limit": 500})
    with open_client(Connection("erp", "http", host="127.0.0.1", port=erp.port, password="t"), wide) as opened:
        result = pull(loader, opened, wide, NOW)
    assert (result.facts, result.faults, result.is_complete) == (len(BROKEN), len(BROKEN), True)
    faults = "select position from raw.facts where fault_code = 'order_contract'"
    assert {place for (place,) in rows(loader, faults)} == {f"orders[{2 * n + 1}]" for n in range(len(BROKEN))}
    assert rows(loader, "select status from raw.documents") == [("partial",)]
    assert rows(loader, "select rule, subject from ops.exceptions") == [
        ("source_contract", "erp_orders/order_contract")
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b"[" * 100_000,
        b"[]",
        told({}, 0),
        told([], 1),  # behind what it tells
        told([order(1)], 0),
        told([order(1)], "1"),
        told([], 0, True),  # leads nowhere
        told([], 0, "no"),
        told([order(n) for n in range(4)], 4),  # more than was asked for
        b'{"orders": [], "orders": [], "next": 0, "has_more": false}',
    ],
)
def test_what_is_no_page_moves_nothing(
    loader: psycopg.Connection, erp: OrdersServer, client: OrdersClient, content: bytes
) -> None:
    erp.replies = [lambda handler: body(handler, content)] * 2
    with pytest.raises(PartnerContractBroken, match="cursor has not moved"):
        pull(loader, client, SOURCE, NOW)
    assert after(loader) == []
    assert rows(loader, "select count(*) from raw.facts") == [(0,)]


def test_a_refused_token_and_a_taken_lane(
    loader: psycopg.Connection, erp: OrdersServer, client: OrdersClient, warehouse_dsn: Callable[[str], str]
) -> None:
    erp.replies = [lambda handler: body(handler, b"{}", 401)]
    with pytest.raises(ConfigurationError, match="token is refused"):
        pull(loader, client, SOURCE, NOW)
    with (
        connect_dsn(warehouse_dsn("loader")) as other,
        source_lane(other, SOURCE.name),
        pytest.raises(RetryableError, match="read by another process"),
    ):
        pull(loader, client, SOURCE, NOW)


def test_a_line_of_the_api_and_of_a_file_is_one_fact(
    loader: psycopg.Connection, erp: OrdersServer, client: OrdersClient
) -> None:
    erp.events = [order(1), order(2)]
    pull(loader, client, SOURCE, NOW)
    content = b"\n".join(json.dumps(line).encode() for line in erp.events)
    landed = land_orders(loader, SOURCE.name, "export.jsonl", content, NOW + timedelta(hours=1))
    assert (landed.facts, landed.known) == (0, 2)
    assert after(loader) == [("2",)]
