"""An ERP that keeps a bucket of requests and answers 429 above it, on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-nobody"


@dataclass
class Limited:
    """A bucket of ``capacity`` requests that is filled by ``per_s`` a second, and what was asked of it.

    ``accepted``: instants (monotonic, s) of requests let in; ``posts``: of those that post. ``refused``: 429s by whole
    second. ``status``: answered instead of 200 from now on, with ``retry_after_s``. ``token``: any other is answered
    401, counted in ``strangers``.
    """

    per_s: float = 1e9
    capacity: float = 1e9
    answer_s: float = 0.0
    status: int = 200
    retry_after_s: int | None = None
    token: str = TOKEN
    url: str = ""
    accepted: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    strangers: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    changes: list[dict[str, object]] = field(default_factory=list)
    numbers: dict[tuple[object, object], int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _level: float = field(default=0.0, init=False)
    _level_at: float = field(default=0.0, init=False)

    def is_let_in(self) -> bool:
        """Count one request."""
        now = time.monotonic()
        with self.lock:
            self._level = min(self.capacity, self._level + (now - self._level_at) * self.per_s)
            self._level_at = now
            if self._level < 1:
                self.refused[int(now)] += 1
                return False
            self._level -= 1
            self.accepted.append(now)
            return True

    def post(self, lines: list[dict[str, object]]) -> list[dict[str, object]]:
        """Adjust, each reference once, as ``docs/contracts.md`` has it of the ERP."""
        told: list[dict[str, object]] = []
        with self.lock:
            self.posts.append(time.monotonic())
            for line in lines:
                is_new = not self.effects[str(line["reference"])]
                self.effects[str(line["reference"])] += is_new
                if is_new:
                    key = (line["item"], line["location"])
                    self.numbers[key] = self.numbers.get(key, 0) + int(str(line["delta"]))
                    self.changes.append(
                        {
                            "position": len(self.changes) + 1, "item": line["item"], "location": line["location"],
                            "kind": "adjustment", "delta": line["delta"], "quantity_after": self.numbers[key],
                            "reference": line["reference"], "changed_at": "2026-11-02T08:00:00+00:00",
                        }
                    )  # fmt: skip
                told.append({"reference": line["reference"], "result": "posted" if is_new else "replayed"})
        return told


@contextmanager
def serving(limited: Limited) -> Iterator[Limited]:
    """``limited`` behind ``url`` for the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"limited": limited}))
    server.daemon_threads = True
    limited.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield limited
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    limited: Limited
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer must not wait for an acknowledgment

    def log_message(self, *_: object) -> None:
        return

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        if self.limited.retry_after_s is not None and status != 200:
            self.send_header("Retry-After", str(self.limited.retry_after_s))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def let_in(self) -> bool:
        if self.headers.get("Authorization") != f"Bearer {self.limited.token}":
            with self.limited.lock:
                self.limited.strangers += 1
            self.answer(401, {})
            return False
        if not self.limited.is_let_in():
            self.answer(429, {"error": {"code": "slow_down"}})
            return False
        status = self.limited.status
        time.sleep(self.limited.answer_s)
        if status != 200:
            self.answer(status, {"error": {"code": "as_told"}})
            return False
        return True

    def do_GET(self) -> None:
        if self.let_in():
            asked = parse_qs(urlsplit(self.path).query)
            after, limit = int(asked["after"][0]), int(asked["limit"][0])
            with self.limited.lock:
                found, count = self.limited.changes[after : after + limit], len(self.limited.changes)
            self.answer(200, {"changes": found, "has_more": after + limit < count})

    def do_POST(self) -> None:
        lines = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["lines"]
        if self.let_in():
            self.answer(200, {"lines": self.limited.post(lines)})
