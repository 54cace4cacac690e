"""How many SFTP connections we hold to one partner at a time, whoever opens them (DAGs, command line)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from syncline.errors import RetryableError
from syncline.landing.warehouse_errors import warehouse_errors

if TYPE_CHECKING:
    from syncline.registry import Source

#  source 1 of the partner           source 2 of the same connection id
#  takes slot 0, connects
#                                    slot 0 is taken, there is no slot 1: asks again for timeout_s
#  reads, disconnects, frees slot 0
#                                    takes slot 0, connects - or RetryableError when it lasted too long
# A partner that allows few sessions would refuse the second login, or lock the account.
ENTER = "select pg_try_advisory_lock(7240020, hashtext(%s))"
LEAVE = "select pg_advisory_unlock(7240020, hashtext(%s))"
ASK_EVERY_S = 0.25


@contextmanager
def partner_slot(conn: psycopg.Connection, source: Source) -> Iterator[None]:
    """Hold one of the ``connections_max`` slots of the source's connection id; open the connection inside.

    Waits for a slot as long as for any answer of the partner (``timeout_s``), then the caller tries again later.

    Args:
        conn: autocommit connection of the loader; the slot of a process that dies is free with its session.
    Raises:
        RetryableError: no slot became free.
        WarehouseUnavailable: Postgres does not answer.
    """
    slot = _take(conn, source)
    try:
        yield
    finally:
        # A broken connection has freed the lock already, and what broke it must be the error that is seen.
        with suppress(psycopg.OperationalError, psycopg.InterfaceError):
            conn.execute(LEAVE, [slot])


def _take(conn: psycopg.Connection, source: Source) -> str:
    slots = [f"{source.conn_id}/{number}" for number in range(source.file_rules.connections_max)]
    for attempt in range(int(source.timeout_s / ASK_EVERY_S) + 1):
        if attempt:
            time.sleep(ASK_EVERY_S)
        for slot in slots:
            with warehouse_errors(f"ask for an SFTP slot of {source.conn_id}"):
                row = conn.execute(ENTER, [slot]).fetchone()
            if row is not None and row[0]:
                return slot
    raise RetryableError(
        f"{source.name}: all {len(slots)} SFTP connection(s) of {source.conn_id!r} are in use, for {source.timeout_s} s"
        " now.",
        next_step="The next poll tries again. Poll its sources less often, or raise `files.connections_max` of all of"
        " them when the partner allows more connections.",
        retry_after_s=5,
        source=source.name,
        conn_id=source.conn_id,
    )
