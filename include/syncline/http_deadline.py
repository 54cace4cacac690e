"""A deadline over a whole HTTP call: a socket's timeout starts anew with every byte, so a server may drip for hours."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Ends a call in time, wherever it waits: TLS handshake, sending, headers, body.

    At the deadline a timer shuts the call's sockets down, which wakes whoever waits on them. One call at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()
        self._timer: threading.Timer | None = None

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def of(self, seconds: float) -> Deadline:
        """Start it; leave the block to stop it."""
        # An event of its own for each call: a timer that is late must not end the next one.
        self._over = threading.Event()
        self._timer = threading.Timer(seconds, self._end, [self._over])
        self._timer.daemon = True
        self._timer.start()
        return self

    def __enter__(self) -> Deadline:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    def watch(self, connected: socket.socket) -> None:
        """Let the deadline end ``connected`` too. Its number is copied: TLS takes the object over."""
        with self._lock:
            self._sockets.append(socket.socket(fileno=os.dup(connected.fileno())))
        if self.is_over:
            self._end(self._over)

    def _end(self, over: threading.Event) -> None:
        over.set()
        with self._lock:
            for each in self._sockets if over is self._over else ():
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it is closed already, which is all that is wanted


class DeadlineAdapter(HTTPAdapter):
    """Connections that the deadline knows."""

    def __init__(self, deadline: Deadline) -> None:
        self._pools = _watched_pools(deadline)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _watched_pools(deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    class Watched(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            # Before any byte, and before TLS begins.
            connected = super()._new_conn()
            deadline.watch(connected)
            return connected

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:  # kept from an earlier call
                deadline.watch(self.sock)
            super().request(*args, **kwargs)

    class WatchedTls(Watched, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Watched

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = WatchedTls

    return {"http": Pool, "https": TlsPool}
