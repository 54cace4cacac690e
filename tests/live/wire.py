"""A wire to a partner that can be made to hang: it takes connections and bytes, and nothing ever comes back."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress

CHUNK = 65_536
PARTNERS = ("dc1_wms", "dc2_wms", "acme_3pl", "beta_3pl", "erp", "shop")


class Wire:
    """Forwards TCP from a port of its own to ``host:port``; ``hang`` keeps it connected and silent."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._open = threading.Event()
        self._open.set()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        """From now on nothing is passed on, on old and new connections."""
        self._open.clear()

    def resume(self) -> None:
        """New connections work; the ones that hung are closed, as a partner that was restarted closes them."""
        self._drop()
        self._open.set()

    def close(self) -> None:
        self._listener.close()
        self._drop()
        self._open.set()

    def _drop(self) -> None:
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """Both directions of one connection."""
        self._keep(near)
        self._open.wait()
        try:
            far = socket.create_connection(self._there)
        except OSError:
            near.close()
            return
        self._keep(far)
        threading.Thread(target=self._pump, args=(far, near), daemon=True).start()
        self._pump(near, far)

    def _keep(self, end: socket.socket) -> None:
        with self._lock:
            self._ends.add(end)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._open.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            with self._lock:
                self._ends.discard(end)


class Wires:
    """One wire for every partner of the twin, put between it and the tasks by ``through``."""

    def __init__(self) -> None:
        self._wires: dict[str, Wire] = {}

    def __getitem__(self, name: str) -> Wire:
        return self._wires[name]

    def through(self, env: Mapping[str, str]) -> dict[str, str]:
        """The twin's environment with the address of each partner replaced by its wire's."""
        changed = dict(env)
        for name in PARTNERS:
            variable = f"AIRFLOW_CONN_{name.upper()}"
            connection = json.loads(env[variable])
            wire = self._wires[name] = Wire(connection["host"], connection["port"])
            changed[variable] = json.dumps(connection | {"host": "127.0.0.1", "port": wire.port})
        return changed

    def close(self) -> None:
        for wire in self._wires.values():
            wire.close()
