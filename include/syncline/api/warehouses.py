"""Connections of the API: a few at a time, each of the role that its route needs, none held between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg

from syncline.errors import RetryableError
from syncline.warehouse.connect import connect

AT_ONCE = 8
WAIT_S = 5.0
STATEMENT_TIMEOUT = "15s"

Open = Callable[[str], AbstractContextManager[psycopg.Connection]]


class Warehouses:
    """``with warehouses(role) as conn``: at most ``at_once``; who finds none for ``wait_s`` is asked to come again."""

    def __init__(self, open_role: Open, *, at_once: int = AT_ONCE, wait_s: float = WAIT_S) -> None:
        self._open = open_role
        self._places = threading.BoundedSemaphore(at_once)
        self._wait_s = wait_s

    @contextmanager
    def __call__(self, role: str) -> Iterator[psycopg.Connection]:
        if not self._places.acquire(timeout=self._wait_s):
            raise RetryableError("Too many requests are being answered.", next_step="Repeat it.", retry_after_s=1)
        try:
            with self._open(role) as conn:
                conn.execute("select set_config('statement_timeout', %s, false)", (STATEMENT_TIMEOUT,))
                yield conn
        finally:
            self._places.release()


def from_environment() -> Warehouses:
    """Roles as ``AIRFLOW_CONN_WAREHOUSE_<ROLE>`` names them."""
    from syncline.connections import connection

    return Warehouses(lambda role: connect(connection(f"warehouse_{role}")))
