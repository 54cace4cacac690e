"""A proxy that lets a stand-in's answers through, but for one, which it replaces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Tamper = Callable[[int, str, bytes], tuple[int, str, bytes]]  # status, content type, body: as it is, as it is sent
HOP_BY_HOP = {"connection", "content-length", "content-type", "transfer-encoding", "date", "server", "keep-alive"}


@dataclass
class Proxy:
    """``at``: the number of the answer that ``tamper`` replaces, from 0. ``answers``: bodies as they came."""

    base_url: str
    at: int = -1
    tamper: Tamper | None = None
    answers: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, at: int, tamper: Tamper | None) -> None:
        """Count from 0 again."""
        with self.lock:
            self.at, self.tamper = at, tamper
            self.answers.clear()

    def take(self, status: int, content_type: str, body: bytes) -> tuple[int, str, bytes]:
        with self.lock:
            number = len(self.answers)
            self.answers.append(body)
            tamper = self.tamper if number == self.at else None
        return tamper(status, content_type, body) if tamper else (status, content_type, body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    upstream: str

    def _pass(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length)
        connection = HTTPConnection(self.upstream, timeout=10)
        try:
            # The Host stays the proxy's: that is where the client believes to be.
            connection.request(self.command, self.path, sent, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        status, content_type, body = self.proxy.take(response.status, response.headers.get("Content-Type", ""), content)
        self.send_response(status)
        for name, value in response.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has heard enough

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def between(base_url: str) -> Iterator[Proxy]:
    """A proxy in front of ``base_url`` while it is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("_Handler", (_Handler,), {"proxy": proxy, "upstream": urlsplit(base_url).netloc})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
