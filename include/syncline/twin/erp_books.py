"""The ERP's own books in a real Postgres schema ``erp``: row locks, deadlocks and lock timeouts are Postgres's.

Transactions of one adjustment document:

    document A (ours)             job B (the ERP's own)
    lock balance X
                                  lock balance Y
    lock balance Y   -- waits
                                  lock balance X   -- waits: Postgres ends one of the two (40P01)
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from syncline.twin.wms_log import iso_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOCK_TIMEOUT_MS = 1000
CHANGE_LIST_LOCK = 7_240_101

SCHEMA = """
drop schema if exists erp cascade;
create schema erp;
create table erp.balances (
  item text not null, location text not null, quantity bigint not null, job_runs bigint not null default 0,
  primary key (item, location));
create table erp.changes (
  position bigint primary key, item text not null, location text not null,
  kind text not null check (kind in ('opening', 'adjustment', 'outside')),
  delta bigint not null,
  quantity_after bigint not null, reference text unique, changed_ms bigint not null);
create table erp.idempotency_keys (key text primary key, body_sha256 text not null);
create table erp.lock_failures (
  failure_id bigint generated always as identity primary key,
  whose text not null check (whose in ('adjustment', 'job')),
  sqlstate text not null, failed_ms bigint not null);
"""

CHANGES = """
select position, item, location, kind, delta, quantity_after, reference, changed_ms
from erp.changes where position > %s order by position limit %s
"""


class ErpRefusal(Exception):
    """The document is refused or cannot run now; nothing of it was executed. ``status`` is the HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Line:
    """One adjustment line; ``delta`` in base units, never 0."""

    reference: str
    item: str
    location: str
    delta: int


class ErpBooks:
    """Calls are blocking and open a connection of their own: run them in a thread."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        # Called with the rows of a document before it is posted (fault ``row_lock``).
        self.rival: Callable[[list[tuple[str, str]]], None] | None = None

    def open(self, opening: dict[tuple[str, str], int], at_ms: int) -> None:
        """Create the schema anew and book the openings, in key order."""
        rows = [(item, location, quantity) for (item, location), quantity in sorted(opening.items())]
        with psycopg.connect(self._dsn) as conn, conn.cursor() as cursor:
            conn.execute(SCHEMA)
            cursor.executemany("insert into erp.balances (item, location, quantity) values (%s, %s, %s)", rows)
            cursor.executemany(
                "insert into erp.changes values (%s, %s, %s, 'opening', %s, %s, null, %s)",
                [(number, item, location, qty, qty, at_ms) for number, (item, location, qty) in enumerate(rows, 1)],
            )

    def changes(self, after: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """Changes after a position in order. A position is taken under one lock until commit: no gap fills later."""
        with psycopg.connect(self._dsn, row_factory=dict_row) as conn:
            rows = conn.execute(CHANGES, (after, limit + 1)).fetchall()
        for row in rows:
            row["changed_at"] = iso_ms(row.pop("changed_ms"))
        return rows[:limit], len(rows) > limit

    def position_at(self, as_of_ms: int) -> int:
        """The last change booked by then. A change that commits later has a later position: no page misses one."""
        with psycopg.connect(self._dsn) as conn:
            row = conn.execute("select max(position) from erp.changes where changed_ms <= %s", (as_of_ms,)).fetchone()
        return (row and row[0]) or 0

    def balances(self, position: int, locations: list[str]) -> list[dict[str, Any]]:
        """What the books held after the change ``position``, every line there was, in order of item and location."""
        with psycopg.connect(self._dsn, row_factory=dict_row) as conn:
            return conn.execute(
                "select distinct on (item, location) item, location, 'EA' as uom, quantity_after as quantity"
                " from erp.changes where position <= %s and location = any(%s)"
                " order by item, location, position desc",
                (position, locations),
            ).fetchall()

    def state(self) -> dict[str, Any]:
        """Balances, our adjustments as (reference, changed_ms), lock failures by (whose, sqlstate), and every change
        as (changed_ms, item, location, quantity_after)."""
        with psycopg.connect(self._dsn) as conn:
            return {
                "balances": conn.execute("select item, location, quantity from erp.balances order by 1, 2").fetchall(),
                "adjustments": conn.execute(
                    "select reference, changed_ms from erp.changes where kind = 'adjustment' order by position"
                ).fetchall(),
                "history": conn.execute(
                    "select changed_ms, item, location, quantity_after from erp.changes order by position"
                ).fetchall(),
                "lock_failures": conn.execute(
                    "select whose, sqlstate, count(*) from erp.lock_failures group by 1, 2 order by 1, 2"
                ).fetchall(),
            }

    def adjust(self, key: str, lines: list[Line], at_ms: int) -> list[dict[str, Any]]:
        """Post a document in one transaction, rows locked in line order; returns the result lines.

        Raises:
            ErpRefusal: 409 key reused, 422 unknown item or invalid, 423 row locked; nothing was executed.
        """
        if self.rival is not None:
            self.rival([(line.item, line.location) for line in lines])
        try:
            with psycopg.connect(self._dsn) as conn:
                conn.execute("select set_config('lock_timeout', %s, true)", (f"{LOCK_TIMEOUT_MS}ms",))
                self._check_key(conn, key, lines)
                return self._post(conn, lines, at_ms)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable) as error:
            self.note_lock_failure("adjustment", error.sqlstate or "", at_ms)
            raise ErpRefusal(423, "row_locked", "A row of the document is locked; nothing was posted.") from error

    def note_lock_failure(self, whose: str, sqlstate: str, at_ms: int) -> None:
        with psycopg.connect(self._dsn) as conn:
            conn.execute(
                "insert into erp.lock_failures (whose, sqlstate, failed_ms) values (%s, %s, %s)",
                (whose, sqlstate, at_ms),
            )

    @staticmethod
    def _check_key(conn: psycopg.Connection[Any], key: str, lines: Iterable[Line]) -> None:
        body = json.dumps([[line.reference, line.item, line.location, line.delta] for line in lines])
        sha = hashlib.sha256(body.encode()).hexdigest()
        # Two requests with one key at once: the second waits here until the first has committed or failed.
        conn.execute("insert into erp.idempotency_keys values (%s, %s) on conflict do nothing", (key, sha))
        known = conn.execute("select body_sha256 from erp.idempotency_keys where key = %s", (key,)).fetchone()
        if known is None or known[0] != sha:
            raise ErpRefusal(409, "key_reused", "This Idempotency-Key came with another body before.")

    @staticmethod
    def _post(conn: psycopg.Connection[Any], lines: list[Line], at_ms: int) -> list[dict[str, Any]]:
        quantities: dict[tuple[str, str], int] = {}
        for line in lines:
            row = conn.execute(
                "select quantity from erp.balances where item = %s and location = %s for update",
                (line.item, line.location),
            ).fetchone()
            if row is None:
                raise ErpRefusal(422, "unknown_item", f"No balance of item {line.item!r} at {line.location!r}.")
            quantities[line.item, line.location] = row[0]
        conn.execute("select pg_advisory_xact_lock(%s)", (CHANGE_LIST_LOCK,))
        position = (conn.execute("select coalesce(max(position), 0) from erp.changes").fetchone() or (0,))[0]
        results = []
        for line in lines:
            found = conn.execute(
                "select position, quantity_after, item, location, delta from erp.changes where reference = %s",
                (line.reference,),
            ).fetchone()
            if found is not None:
                if found[2:] != (line.item, line.location, line.delta):
                    raise ErpRefusal(422, "invalid", f"Reference {line.reference!r} was posted with another content.")
                results.append(
                    {
                        "reference": line.reference,
                        "result": "replayed",
                        "position": found[0],
                        "quantity_after": found[1],
                    }
                )
                continue
            position += 1
            after = quantities[line.item, line.location] = quantities[line.item, line.location] + line.delta
            conn.execute(
                "insert into erp.changes values (%s, %s, %s, 'adjustment', %s, %s, %s, %s)",
                (position, line.item, line.location, line.delta, after, line.reference, at_ms),
            )
            conn.execute(
                "update erp.balances set quantity = %s where item = %s and location = %s",
                (after, line.item, line.location),
            )
            results.append(
                {"reference": line.reference, "result": "posted", "position": position, "quantity_after": after}
            )
        return results
