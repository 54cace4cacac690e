"""A small real HTTP target (ERP or shop) on loopback, and a warehouse that decides what it should show."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from syncline.clock import Clock
from syncline.outbox.release import release
from syncline.targets.erp.client import ErpClient
from syncline.targets.policy import TargetPolicy
from syncline.targets.shop.client import ShopClient
from syncline.warehouse.connect import connect_dsn

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
TOKEN = "test-token"
Key = tuple[str, str]
# Fault -> status and code; status 0 closes the connection without an answer.
NOT_EXECUTED = {"lost": (0, ""), "locked": (423, "row_locked"), "busy": (429, "slow_down"), "broken": (500, "oops")}


class ManualClock(Clock):
    """Time that passes by a millisecond whenever it is looked at, and by what is slept."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "instant", START)

    def now(self) -> datetime:
        return self.sleep(0.001)

    def sleep(self, seconds: float) -> datetime:
        instant: datetime = self.instant + timedelta(seconds=seconds)  # type: ignore[attr-defined]
        object.__setattr__(self, "instant", instant)
        return instant


@dataclass
class Book:
    """What the target holds. ``effects`` counts how often each reference changed it: never more than once is the point.

    ``faults`` are taken one a document: ok, lost_applied (executed, connection closed), lost (closed, not executed),
    locked (423), busy (429), broken (500), nonsense (200 without JSON), slow (executed, answered after ``slow_s``).
    """

    style: str
    numbers: dict[Key, int] = field(default_factory=dict)
    versions: dict[Key, int] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    effects: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    documents: list[list[dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    before_document: list[Callable[[Book], None]] = field(default_factory=list)
    down: bool = False
    slow_s: float = 0.0
    token: str = TOKEN
    strangers: int = 0  # calls with another token
    lock: threading.RLock = field(default_factory=threading.RLock)
    arrived: threading.Event = field(default_factory=threading.Event)

    def change(self, key: Key, delta: int, kind: str, reference: str | None = None, order: str | None = None) -> int:
        with self.lock:
            self.numbers[key] = self.numbers.get(key, 0) + delta
            self.versions[key] = self.versions.get(key, 0) + 1
            position = len(self.changes) + 1
            row: dict[str, Any] = {
                "position": position,
                "location": key[1],
                "kind": kind,
                "delta": delta,
                "reference": reference,
            }
            row["changed_at"] = (START + timedelta(seconds=position)).isoformat()
            if self.style == "delta":
                row |= {"item": key[0], "quantity_after": self.numbers[key]}
            else:
                row |= {
                    "sku": key[0],
                    "available_after": self.numbers[key],
                    "version": str(self.versions[key]),
                    "order_line": order,
                }
            self.changes.append(row)
            if reference is not None:
                self.effects[reference] = self.effects.get(reference, 0) + 1
            return position

    def execute(self, lines: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if self.style == "delta":
                return self._post(lines)
            return 200, {"lines": [self._set(line) for line in lines]}

    def _post(self, lines: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        if any(line["item"] in self.refused for line in lines):
            return 422, {"error": {"code": "unknown_item", "message": "no such item"}}
        told = []
        for line in lines:
            is_new = line["reference"] not in self.effects
            if is_new:
                self.change((line["item"], line["location"]), line["delta"], "adjustment", line["reference"])
            told.append(
                {
                    "reference": line["reference"],
                    "result": "posted" if is_new else "replayed",
                    "position": 1,
                    "quantity_after": 0,
                }
            )
        return 200, {"lines": told}

    def _set(self, line: dict[str, Any]) -> dict[str, Any]:
        key = (line["sku"], line["location"])
        result = {"reference": line["reference"], "version": str(self.versions.get(key, 0))}
        if line["reference"] in self.effects:
            return result | {"result": "replayed"}
        if line["sku"] in self.refused:
            return result | {"result": "refused", "code": "unknown_item"}
        if line["if_version"] != str(self.versions[key]):
            return result | {"result": "stale", "code": "version_moved"}
        self.change(key, line["quantity"] - self.numbers[key], "set", line["reference"])
        return result | {"result": "set"}


def _handler(book: Book) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one small server, read in one piece
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def answer(self, status: int, body: object, **headers: str) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def is_stranger(self) -> bool:
            with book.lock:
                is_one = self.headers.get("Authorization") != f"Bearer {book.token}"
                book.strangers += is_one
                return is_one

        def do_GET(self) -> None:
            if self.is_stranger():
                return self.answer(401, {})
            if book.down:
                return self.answer(503, {})
            asked = parse_qs(urlsplit(self.path).query)
            after, limit = int(asked["after"][0]), int(asked["limit"][0])
            with book.lock:
                found = book.changes[after : after + limit]
                return self.answer(200, {"changes": found, "has_more": after + limit < len(book.changes)})

        def do_POST(self) -> None:
            lines = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["lines"]
            while book.before_document:
                book.before_document.pop(0)(book)
            if self.is_stranger():
                return self.answer(401, {})
            with book.lock:
                book.documents.append(lines)
                book.headers.append(dict(self.headers))
                fault = "broken" if book.down else book.faults.pop(0) if book.faults else "ok"
            if fault in NOT_EXECUTED:
                return self.fail(*NOT_EXECUTED[fault])
            status, body = book.execute(lines)
            if fault == "slow":
                book.arrived.set()
                time.sleep(book.slow_s)
            if fault == "lost_applied":
                return self.fail(0, "")
            try:
                return self.answer(status, b"<html>" if fault == "nonsense" else body)
            except OSError:
                return None  # the client was killed: that is the case under test

        def fail(self, status: int, code: str) -> None:
            if status == 0:
                self.close_connection = True
                return
            self.answer(status, {"error": {"code": code}}, **({"Retry_After": "1"} if status == 429 else {}))

        do_PUT = do_POST

    return Handler


@dataclass
class Loop:
    """Warehouse and target together. ``cycle`` is resolve, release and push with a truth set by hand."""

    owner: psycopg.Connection
    publisher: psycopg.Connection
    dsn: str
    book: Book
    url: str
    policy: TargetPolicy
    clock: Clock
    truth: dict[Key, int]
    sleep: Callable[[float], Any]
    token: str = TOKEN

    def client(self) -> ErpClient | ShopClient:
        return (ErpClient if self.policy.can.writes == "delta" else ShopClient)(self.url, self.token, self.policy)

    def resolve(self, hold: dict[Key, str] | None = None) -> int:
        """Open a batch and build its candidates from the queue and from keys whose truth moved, as dbt does."""
        as_of = self.clock.now()
        batch = self.owner.execute(
            "insert into ops.batches (as_of, state) values (%s, 'built') returning batch_id", (as_of,)
        ).fetchone()
        assert batch is not None
        self.owner.execute("truncate canonical.candidate_corrections")
        for key, wanted in sorted(self.truth.items()):
            self.owner.execute(
                """
                with key (target, item, location) as (values (%(target)s, %(item)s, %(location)s))
                insert into canonical.candidate_corrections
                select %(batch)s, k.target, k.item, k.location, 'A', %(wanted)s, r.quantity, r.reading_no, r.version, 0,
                       %(wanted)s - r.quantity, %(kind)s, %(hold)s, o.correction_id is not null
                from key k
                left join lateral (select * from ops.target_readings t
                  where (t.target, t.item, t.location) = (k.target, k.item, k.location)
                  order by reading_no desc limit 1) r on true
                left join ops.outbox o on (o.target, o.item, o.location) = (k.target, k.item, k.location)
                  and o.state in ('pending', 'held', 'sent', 'unknown', 'rejected')
                where o.state = 'held'
                   or exists (select from ops.correction_queue q
                        where (q.target, q.item, q.location) = (k.target, k.item, k.location))
                   or %(wanted)s is distinct from (select wanted from ops.target_versions v
                        where (v.target, v.item, v.location) = (k.target, k.item, k.location)
                        order by version desc limit 1)
                """,
                {"batch": batch[0], "target": self.policy.target, "item": key[0], "location": key[1], "wanted": wanted,
                 "kind": self.policy.can.writes, "hold": (hold or {}).get(key)},
            )  # fmt: skip
        self.owner.execute(
            "insert into ops.gate_results values (%s, 'test', 'test', 'info', true, 0, '{}')", (batch[0],)
        )
        return int(batch[0])

    def release(self, hold: dict[Key, str] | None = None) -> Any:
        return release(self.publisher, self.resolve(hold), self.clock.now())

    def push(self) -> dict[str, int]:
        from syncline.targets.cycle import run_push

        client = self.client()
        try:
            return run_push(self.publisher, client, self.policy, self.clock, "test", self.sleep)
        finally:
            client.close()

    def reconnect(self) -> None:
        """The publisher's process died: its connection and locks are gone, and its leases run out."""
        self.publisher.close()
        self.publisher = connect_dsn(self.dsn, name="publisher")
        self.sleep(self.policy.lease_s)

    def states(self) -> dict[str, int]:
        return dict(self.owner.execute("select state, count(*) from ops.outbox group by 1").fetchall())

    def queue(self) -> set[Key]:
        return set(self.owner.execute("select item, location from ops.correction_queue").fetchall())


@pytest.fixture
def make_loop(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], candidates: None
) -> Iterator[Callable[..., Loop]]:
    """``make_loop("erp" | "shop", numbers, truth, **policy)``: a target that shows numbers and should show truth."""
    servers: list[ThreadingHTTPServer] = []
    connections: list[psycopg.Connection] = []

    def loop(target: str, book: Book, url: str, truth: dict[Key, int], token: str, clock: Clock, **policy: Any) -> Loop:
        publisher = connect_dsn(warehouse_dsn("publisher"), name="publisher")
        connections.append(publisher)
        limits = {"call_s": 2.0, "lease_s": 3.0, "run_s": 60.0} | policy
        can = (ErpClient if book.style == "delta" else ShopClient).capabilities
        return Loop(
            warehouse, publisher, warehouse_dsn("publisher"), book, url, TargetPolicy(target, can, **limits),
            clock, truth, clock.sleep if isinstance(clock, ManualClock) else time.sleep, token,
        )  # fmt: skip

    def make(
        target: str,
        numbers: dict[Key, int],
        truth: dict[Key, int],
        *,
        served: tuple[str, str] | None = None,
        **policy: Any,
    ) -> Loop:
        """``served``: address and token of another server that is the target; then time is real."""
        book = Book("delta" if target == "erp" else "set")
        if served is not None:
            return loop(target, book, served[0], truth, served[1], Clock(), **policy)
        for key, quantity in sorted(numbers.items()):
            book.change(key, quantity, "opening")
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(book))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return loop(target, book, f"http://127.0.0.1:{server.server_port}", truth, TOKEN, ManualClock(), **policy)

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()
    for connection in connections:
        connection.close()
