"""One poll as the task does it, and what stands in the warehouse after it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Protocol

import psycopg

from syncline.connections import Connection
from syncline.registry import Source
from syncline.sources.sftp_edi import partner_slot, pull
from syncline.sources.sftp_edi.client import open_sftp

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)


class Server(Protocol):
    """What both servers of the tests offer."""

    def connection(self, **extra: str) -> Connection: ...


def poll(conn: psycopg.Connection, server: Server, source: Source, now: datetime = NOW, *, by_age: bool = True) -> Any:
    """A slot, a connection of its own, a pull; ``by_age`` False: only two polls settle a file."""
    with partner_slot(conn, source), open_sftp(server.connection(), source.timeout_s) as sftp:
        return pull(conn, sftp, source, now, server_now_s=time.time() if by_age else None)


def rows(conn: psycopg.Connection, statement: str) -> list[tuple[Any, ...]]:
    return conn.execute(statement.encode()).fetchall()


def files(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "select name, state, fault_code from ops.files order by file_id")
