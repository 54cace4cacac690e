"""A warehouse in which things happen, and receivers that are real servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
from tests.databases import subscribed

from bench.warehouse import told_by_the_floor
from syncline.clock import Clock
from syncline.connections import Connection
from syncline.notices.channel import Channel, SubscriberPolicy
from syncline.notices.delivering import run_deliveries
from syncline.notices.webhook import Webhook
from syncline.warehouse.connect import connect_dsn

T0 = datetime(2026, 11, 2, 10, tzinfo=UTC)
SECRET = "whsec_c3luY2xpbmUtdGVzdC1zZWNyZXQtMzItYnl0ZXMh"


class Hand(Clock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "at_", T0)

    def now(self) -> datetime:
        return self.__dict__["at_"]

    def move(self, seconds: float) -> None:
        object.__setattr__(self, "at_", self.now() + timedelta(seconds=seconds))


@pytest.fixture
def clock() -> Hand:
    return Hand()


class Happenings:
    """Makes things happen in the warehouse, as the owner."""

    def __init__(self, owner: psycopg.Connection) -> None:
        self.owner = owner
        self.made = 0
        told_by_the_floor(owner)
        owner.execute("insert into ops.batches (as_of, state) values (%s, 'released')", (T0,))

    def subscribe(self, subscriber: str, event: str = "*", location: str = "*", mode: str = "live") -> None:
        subscribed(self.owner, (subscriber, event, location, "*", mode))

    def correction(self, item: str, location: str = "DC1", state: str = "pending", target: str = "erp") -> str:
        self.made += 1
        return add_correction(self.owner, f"c{self.made}", item, location, state, target, self.made)

    def move(self, correction: str, *states: str, reason: str | None = None) -> None:
        move_correction(self.owner, correction, *states, reason=reason)

    def apply(self, item: str, location: str = "DC1") -> str:
        """A correction that is applied: one event."""
        correction = self.correction(item, location)
        self.move(correction, "sent", "applied")
        return correction

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.owner.execute(query.encode(), values).fetchall()

    def states(self, subscriber: str) -> dict[str, int]:
        return dict(
            self.owner.execute(
                "select state, count(*) from ops.deliveries where subscriber = %s group by 1", (subscriber,)
            ).fetchall()
        )


def add_correction(
    conn: psycopg.Connection, name: str, item: str, location: str, state: str, target: str, version: int
) -> str:
    conn.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, "
        "quantity, state, reason, batch_id, created_at, changed_at, fact_id) values (%s, %s, %s, %s, %s, 1, 'delta', "
        "5, 3, 2, %s, %s, (select min(batch_id) from ops.batches), %s, %s, 'floor')",
        (name, target, item, location, version, state, "on hold" if state == "held" else None, T0, T0),
    )
    return name


def move_correction(conn: psycopg.Connection, correction: str, *states: str, reason: str | None = None) -> None:
    for state in states:
        conn.execute(
            "update ops.outbox set state = %s, reason = %s, tries = tries + (%s = 'sent')::integer, changed_at = %s "
            "where correction_id = %s",
            (state, reason, state, T0, correction),
        )


@pytest.fixture
def happenings(warehouse: psycopg.Connection) -> Happenings:
    return Happenings(warehouse)


@pytest.fixture
def publisher(warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as connection:
        yield connection


class Receiver:
    """A real HTTP server that keeps what it is sent. ``answers`` are (status, headers, body), then 204 for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.always: tuple[int, dict[str, str], bytes] = (204, {}, b"")
        self.judge: Callable[[dict[str, Any]], int] | None = None
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.arrived = threading.Event()
        self.release = threading.Event()
        self.release.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append((self.path, headers, body))
                receiver.arrived.set()
                receiver.release.wait(20)
                status, more, content = receiver.answers.pop(0) if receiver.answers else receiver.always
                if receiver.judge is not None:
                    status = receiver.judge(json.loads(body))
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.close()


def hook_connection(port: int, **extra: str) -> Connection:
    return Connection("hook", "http", f"http://127.0.0.1:{port}", password=SECRET, extra={"path": "/in", **extra})


Deliver = Callable[..., dict[str, int]]


@pytest.fixture
def webhook(receiver: Receiver) -> Iterator[Webhook]:
    channel = Webhook(hook_connection(receiver.port), Clock(), timeout_s=2.0)
    yield channel
    channel.close()


@pytest.fixture
def deliver(publisher: psycopg.Connection, clock: Hand) -> Deliver:
    """``deliver(policy, channel)`` is one run by the publisher's own rights."""

    def run(policy: SubscriberPolicy, channel: Channel, worker: str = "run") -> dict[str, int]:
        return run_deliveries(publisher, policy, channel, clock, worker)

    return run


def begin(deliver: Deliver, policy: SubscriberPolicy, channel: Channel) -> None:
    """The subscriber's first run: what happens from here on is for it."""
    assert not any(deliver(policy, channel).values())
