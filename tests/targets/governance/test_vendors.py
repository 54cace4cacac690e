"""Vendors' own ways under shared limits: tokens, throttles by cost, pinned versions."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
from tests.targets.contract.standin_rest_delta import KEYS, OPTIONS
from tests.targets.governance.conftest import at_once

from syncline.clock import Clock
from syncline.connections import Connection
from syncline.errors import PartnerUnavailable
from syncline.partner_http import NoAuth
from syncline.registry.models import Target
from syncline.targets.governance.adapter import governed
from syncline.targets.governance.status import status
from syncline.targets.http import LoginRefused, OtherVersion, TargetHttp
from syncline.targets.oauth import OAuth2
from syncline.twin.vendors import rest, shopify
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.serving import served

OLD, NEW = "client-secret-of-yesterday", "client-secret-of-today"
SHOP_TOKEN, BERLIN = "shpat_0123456789abcdef0123456789abcdef", "1001"
Publisher = Callable[[], psycopg.Connection]


class Service:
    """A described API with OAuth, whose secret may change while it runs. ``tokens``: requests for one."""

    def __init__(self) -> None:
        self.book = Book(dict.fromkeys(KEYS, 100))
        self.tokens, self.url, self.secret = 0, "", OLD
        self.rotate(OLD)

    def rotate(self, secret: str) -> None:
        """Another secret is right from now on, and no token of before."""
        self._app, _ = rest.build(self.book, VendorFaults(), secret)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.tokens += scope["path"] == "/oauth/token"
        await self._app(scope, receive, send)

    def connect(self) -> Connection:
        return Connection("nobody", "http", self.url, login=rest.CLIENT, password=self.secret)


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    with served(made) as made.url:
        yield made


def described(**check: Any) -> Target:
    return Target.model_validate(
        {"name": "nobody", "kind": "rest", "conn_id": "nobody", "style": "delta", "sole_writer": False, "life_s": 30,
         "options": OPTIONS | {"check": OPTIONS["check"] | check}}
    )  # fmt: skip


def test_many_workers_ask_for_a_token_with_a_wrong_secret_once(service: Service, publisher: Publisher) -> None:
    service.secret = "wrong"
    connections = [publisher() for _ in range(6)]

    def begin(number: int) -> None:
        with governed(described(), service.connect, connections[number], Clock(), "worker"):
            pytest.fail("it was let in")

    errors = at_once(6, begin)
    assert all(isinstance(error, LoginRefused | PartnerUnavailable) for error in errors), errors
    assert service.tokens == 1
    assert not any("wrong" in str(error).split("Next:")[0].replace("wrong secret", "") for error in errors)


def test_a_client_whose_secret_is_rotated_gets_a_token_with_the_new_one(service: Service, publisher: Publisher) -> None:
    with governed(described(), service.connect, publisher(), Clock(), "worker") as adapter:
        assert len(adapter.show(KEYS)) == len(KEYS)
        assert service.tokens == 1
        service.rotate(NEW)
        service.secret = NEW
        assert len(adapter.show(KEYS)) == len(KEYS)
    assert service.tokens == 3, "one with each secret, and one that the old one was refused"


def test_another_version_ends_the_run_before_it_begins(service: Service, publisher: Publisher) -> None:
    with (
        pytest.raises(OtherVersion, match=rf"version {rest.VERSION}, declared is 1999-01"),
        governed(described(**{"is": "1999-01"}), service.connect, publisher(), Clock(), "worker"),
    ):
        pytest.fail("it began")


def test_a_version_is_asked_once_a_day(service: Service, publisher: Publisher, warehouse: Any) -> None:
    for _ in range(3):
        with governed(described(), service.connect, publisher(), Clock(), "worker"):
            pass
    assert service.tokens == 1
    warehouse.execute("update ops.target_limits set checked_at = checked_at - interval '1 day'")
    with governed(described(), service.connect, publisher(), Clock(), "worker"):
        pass
    assert service.tokens == 2


@pytest.fixture
def shop() -> Iterator[tuple[Any, Callable[[], Connection]]]:
    app = shopify.build(Book({(str(item), BERLIN): 100 for item in range(501, 504)}), VendorFaults(), token=SHOP_TOKEN)
    with served(app) as url:
        yield app.state.shop, lambda: Connection("shop_de", "http", host=url, password=SHOP_TOKEN)


SHOP = Target(name="shop_de", kind="shopify", conn_id="shop_de", style="set", sole_writer=False, life_s=30, timeout_s=5)


def test_points_that_one_worker_used_up_are_missing_to_all(
    shop: tuple[Any, Callable[[], Connection]], publisher: Publisher, warehouse: psycopg.Connection
) -> None:
    state, connect = shop
    with (
        governed(SHOP, connect, publisher(), Clock(), "one") as one,
        governed(SHOP, connect, publisher(), Clock(), "other") as other,
    ):
        state.points, state.restored_per_s = 12.0, 0.5
        one.show([("501", BERLIN)])
        paused = status(warehouse, "shop_de", SHOP.limits)
        assert (paused.pause_reason, paused.paused_until is not None) == ("its budget is used up", True)
        before = state.points
        with pytest.raises(PartnerUnavailable, match="asked us to wait"):
            other.show([("502", BERLIN)])
        assert state.points == before, "nothing was asked"


def test_a_version_of_shopify_that_is_gone_names_both(
    shop: tuple[Any, Callable[[], Connection]], publisher: Publisher
) -> None:
    state, connect = shop
    state.versions = ("2027-10",)
    with (
        pytest.raises(OtherVersion, match="answers in version '2027-10', not 20"),
        governed(SHOP, connect, publisher(), Clock(), "worker"),
    ):
        pytest.fail("it began")


def test_closing_an_adapter_closes_the_connection_that_tokens_come_by() -> None:
    with token_server() as (url, ended):
        tokens = TargetHttp("nobody", url, NoAuth())
        http = TargetHttp("nobody", url, OAuth2(tokens, "/token", lambda: {"grant_type": "client_credentials"}))
        http.call("GET", "/", timeout_s=5.0)
        assert not ended.acquire(blocking=False)
        http.close()
        assert ended.acquire(timeout=10)
        assert ended.acquire(timeout=10)


@contextmanager
def token_server() -> Iterator[tuple[str, threading.Semaphore]]:
    """A server that gives tokens and answers, and counts connections that have ended."""
    ended = threading.Semaphore(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def handle(self) -> None:
            super().handle()
            ended.release()

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = b'{"access_token": "t", "expires_in": 3600}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://{socket.gethostbyname('localhost')}:{server.server_port}", ended
    finally:
        server.shutdown()
        server.server_close()
