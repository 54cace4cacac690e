"""A lock storm: documents that overlap, eight workers, and an ERP that locks what it touches until it commits.

The ERP locks a row of the item and one of the balance for each line, in the order of the lines, in a real Postgres
that finds deadlocks by itself. The same corrections go there twice: by the product (lanes, lines in order of key), and
as anybody would send them (in no order, by whoever is free).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

from bench.figures import Figure
from bench.resolving import say
from bench.warehouse import Bench, told_by_the_floor
from syncline.clock import Clock
from syncline.targets.contract import Adapter, Document, Line
from syncline.targets.cycle import run_push
from syncline.targets.erp.client import CAPABILITIES, ErpClient
from syncline.targets.policy import TargetPolicy
from syncline.targets.workers import push_with
from syncline.twin import erp_books
from syncline.twin.erp_books import ErpBooks, ErpRefusal
from syncline.warehouse.connect import connect_dsn

WORKERS, LINES = 8, 10
LOCATIONS = 6
RUNS_MAX, TRIES_MAX = 20, 200
DEADLOCK = "40P01"
AT_MS = 1_793_000_000_000
POLICY = TargetPolicy("erp", CAPABILITIES, lines_max=LINES, back_off_s=0.05, tries_max=100, trouble_max=50)


class StrictBooks(ErpBooks):
    """Books that also lock the item of each line, as an ERP does that keeps a value by item."""

    def open(self, opening: dict[tuple[str, str], int], at_ms: int) -> None:
        """Locks that are waited for in a circle are found at once, so that no other limit ends them first."""
        super().open(opening, at_ms)
        with psycopg.connect(self._dsn) as conn:
            conn.execute("create table erp.items (item text primary key)")
            conn.execute("insert into erp.items select distinct item from erp.balances")
            name = sql.Identifier(conn.info.dbname)
            conn.execute(sql.SQL("alter database {} set deadlock_timeout = '20ms'").format(name))

    @staticmethod
    def _post(conn: psycopg.Connection[Any], lines: list[erp_books.Line], at_ms: int) -> list[dict[str, Any]]:
        for line in lines:
            conn.execute("select from erp.items where item = %s for update", (line.item,))
        return ErpBooks._post(conn, lines, at_ms)


@dataclass
class Weather:
    """What a storm did. ``failures``: lock failures by SQLSTATE; ``abreast``: most documents at the ERP at once;
    ``shared``: documents that came while another of one of their items was there."""

    corrections: int
    documents: int = 0
    abreast: int = 0
    shared: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    is_right: bool = False

    @property
    def deadlocks(self) -> int:
        """Circles that the database had to break."""
        return self.failures.get(DEADLOCK, 0)


def storm(owner_dsn: str, publisher_dsn: str, seed: int, items: int, *, is_ordered: bool) -> Weather:
    """Let ``WORKERS`` correct every key of ``items`` at once.

    Args:
        owner_dsn: a migrated warehouse without corrections; the ERP's books are a schema in it, made anew.
        is_ordered: by the product; else the same lines shuffled, whatever others have under way.
    """
    rng = Random(f"storm/{seed}")
    keys = [(f"SKU-{item:04}", f"DC{location}") for item in range(items) for location in range(LOCATIONS)]
    books = StrictBooks(owner_dsn)
    books.open({key: 100 for key in keys}, AT_MS)
    deltas = {key: rng.choice([-5, -1, 2, 7]) for key in keys}
    weather = Weather(len(keys))
    with _serving(books, weather) as url, closing(ErpClient(url, "none", POLICY)) as client:
        if is_ordered:
            with connect_dsn(owner_dsn) as owner, connect_dsn(publisher_dsn) as publisher:
                run_push(publisher, client, POLICY, Clock(), "storm")
                _release(owner, deltas)
            _push(url, owner_dsn, publisher_dsn)
        else:
            _send(url, _lines(deltas), rng)
    state = books.state()
    weather.failures = {sqlstate: count for _, sqlstate, count in state["lock_failures"]}
    weather.is_right = {(item, place): number for item, place, number in state["balances"]} == {
        key: 100 + delta for key, delta in deltas.items()
    } and len(state["adjustments"]) == len(keys)
    return weather


def storm_figures(bench: Bench, seed: int, items: int = 40) -> Iterator[Figure]:
    """Deadlocks of the same load with lanes and key order, and without."""
    for is_ordered, how, target in (
        (True, "with lanes and lines in order of key", ("<=", 0.0)),
        (False, "unordered, without lanes", None),
    ):
        say(f"lock storm {how}")
        with bench.database("storm") as name:
            weather = storm(bench.dsn(name), bench.dsn(name, "publisher"), seed, items, is_ordered=is_ordered)
        assert weather.is_right, f"seed {seed}, {how}: {weather}"
        detail = {
            "corrections": weather.corrections,
            "documents": weather.documents,
            "abreast": weather.abreast,
            "sharing an item": weather.shared,
        }
        what = f"deadlocks of {WORKERS} workers at an ERP that locks items, {how}"
        yield Figure.of("pushing", what, [weather.deadlocks], "", target=target, detail=detail)


def _lines(deltas: dict[tuple[str, str], int]) -> list[Line]:
    return [
        Line(sha256(f"{item}/{place}".encode()).hexdigest(), item, place, delta)
        for (item, place), delta in sorted(deltas.items())
    ]


def _release(owner: psycopg.Connection, deltas: dict[tuple[str, str], int]) -> None:
    """A pending correction of each key, from the reading that was taken."""
    at = Clock().now()
    owner.execute("insert into ops.batches (as_of, state) values (%s, 'released')", (at,))
    told_by_the_floor(owner)
    with owner.cursor() as cursor:
        cursor.executemany(
            "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, "
            "shown, quantity, state, batch_id, created_at, changed_at, fact_id) select %s, 'erp', %s, %s, 1, 1, "
            "'delta', 100 + %s, 100, %s, 'pending', max(batch_id), %s, %s, 'floor' from ops.batches",
            [(e.reference, e.item, e.location, e.quantity, e.quantity, at, at) for e in _lines(deltas)],
        )


def _push(url: str, owner_dsn: str, publisher_dsn: str) -> None:
    """As the DAG does: a run again and again, until nothing is open."""

    @contextmanager
    def open_worker() -> Iterator[tuple[psycopg.Connection, Adapter]]:
        with connect_dsn(publisher_dsn) as conn, closing(ErpClient(url, "none", POLICY)) as client:
            yield conn, client

    with connect_dsn(owner_dsn) as owner:
        for _ in range(RUNS_MAX):
            push_with(WORKERS, open_worker, POLICY, Clock(), "storm")
            if owner.execute("select from ops.outbox where state <> 'applied' limit 1").fetchone() is None:
                return
    raise AssertionError(f"corrections are open after {RUNS_MAX} runs")


def _send(url: str, lines: list[Line], rng: Random) -> None:
    """Documents of lines in no order, each sent until it is posted."""
    rng.shuffle(lines)
    documents = [Document(tuple(lines[first : first + LINES])) for first in range(0, len(lines), LINES)]

    def post(document: Document) -> None:
        with closing(ErpClient(url, "none", POLICY)) as client:
            for _ in range(TRIES_MAX):
                told = client.send(document, POLICY.call_s).lines
                if all(answer.outcome == "applied" for answer in told.values()):
                    return
        raise AssertionError(f"a document was not posted in {TRIES_MAX} tries")

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(post, documents))


@contextmanager
def _serving(books: ErpBooks, weather: Weather) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(books, weather))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(books: ErpBooks, weather: Weather) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()
    inside: list[set[str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            changes, has_more = books.changes(int(asked["after"][0]), int(asked["limit"][0]))
            self._answer(200, {"changes": changes, "has_more": has_more})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            lines = [erp_books.Line(**line) for line in body["lines"]]
            items = {line.item for line in lines}
            with lock:
                weather.documents += 1
                weather.shared += any(items & others for others in inside)
                inside.append(items)
                weather.abreast = max(weather.abreast, len(inside))
            try:
                self._answer(200, {"lines": books.adjust(self.headers["Idempotency-Key"], lines, AT_MS)})
            except ErpRefusal as refusal:
                self._answer(refusal.status, {"error": {"code": refusal.code}})
            finally:
                with lock:
                    inside.remove(items)

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
