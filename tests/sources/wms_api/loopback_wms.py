"""A real HTTP server on loopback whose answers are written by the test, byte for byte when it must lie."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

DAY = datetime(2026, 11, 2, tzinfo=UTC)
Reply = Callable[[BaseHTTPRequestHandler], None]


def body(handler: BaseHTTPRequestHandler, content: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in ({"Content_Type": "application/json", "Content_Length": str(len(content))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


class WmsServer:
    """Serves ``events`` by the contract; ``replies`` (one per request, first in first out) come before that."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.replies: list[Reply] = []
        self.requests: list[dict[str, str]] = []
        self.authorization: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = {
                    name: values[0]
                    for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()
                }
                outer.requests.append(query)
                outer.authorization.append(self.headers.get("Authorization"))
                outer.reply(self, query)

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                return  # a client that hangs up on a misbehaving answer is what the tests are about

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.stopping = threading.Event()

    def reply(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        if self.replies:
            self.replies.pop(0)(handler)
            return
        after = (datetime.fromisoformat(query["posted_from"]), query["after_id"])
        known = [event for event in self.events if order(event) > after]
        page = sorted(known, key=order)[: int(query["limit"])]
        content = json.dumps({"events": page, "has_more": len(page) < len(known)}).encode()
        body(handler, content)

    def close(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def order(event: Any) -> tuple[datetime, str]:
    return datetime.fromisoformat(event["posted_at"]), event["event_id"]


def event(number: int, minute: float = 0, kind: str = "inventory.received", **changes: Any) -> dict[str, Any]:
    """A received event of 5 good units, ``minute`` minutes into the day."""
    posted_at = (DAY + timedelta(hours=10, minutes=minute)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"line": 1, "sku": "SKU-0001", "uom": "EA", "quantity": 5, "condition": "good", "reason": "purchase"}
    return {
        "event_id": f"DC1-{number:08d}", "type": kind, "version": 1, "site": "DC1", "sequence": number,
        "transaction_id": f"T-{number}", "posted_at": posted_at, "sandbox": False, "lines": [line],
    } | changes  # fmt: skip
