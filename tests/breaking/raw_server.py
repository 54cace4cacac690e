"""A real TCP server on loopback that answers byte for byte as a test says; what HTTP forbids, too."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

DRIP_S = 0.05
# No test waits this long: a client without a deadline would, and its test then fails on what it got.
PATIENCE_S = 20.0
CLOSE = "close"  # what a talk returns to end the connection after its answer
Talk = Callable[["Call"], str | None]


class Call:
    """One request of a client: ``request`` is what it sent up to the blank line."""

    def __init__(self, server: RawServer, connection: socket.socket, request: bytes) -> None:
        self.server = server
        self.request = request
        self._connection = connection

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def drip(self, content: bytes) -> None:
        """A byte at a time, for ever: the content again and again, until the client hangs up."""
        for _ in range(int(PATIENCE_S / DRIP_S / len(content)) + 1):
            for byte in content:
                self.send(bytes([byte]))
                if self.server.stopping.wait(DRIP_S):
                    return

    def hang(self) -> None:
        self.server.stopping.wait(PATIENCE_S)


class RawServer:
    """``talks`` are taken one a request, the last one again and again. ``on_connect`` speaks before any request."""

    def __init__(self, *talks: Talk, on_connect: Talk | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.talks = list(talks)
        self.requests: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._on_connect = on_connect
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(PATIENCE_S)
        try:
            with plain, self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as connection:
                if self._on_connect:
                    self._on_connect(Call(self, connection, b""))
                while request := _request(connection):
                    self.requests.append(request)
                    talk = self.talks.pop(0) if len(self.talks) > 1 else self.talks[0]
                    if talk(Call(self, connection, request)) is CLOSE:
                        return
        except OSError:
            return  # a client that hangs up on a misbehaving answer is what the tests are about


def _request(connection: socket.socket) -> bytes:
    """Head and body of one request; empty when the client has hung up."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65_536)):
            return b""
        received += chunk
    return received


def answer(content: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole answer; ``length`` is what Content-Length says instead of the truth."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(content) if length is None else length}"]
    if not any(line.lower().startswith("content-type:") for line in headers):
        lines.append("Content-Type: application/json")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content
