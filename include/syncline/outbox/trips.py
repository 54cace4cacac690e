"""Trips of circuit breakers: rows of ``ops.breaker_trips``, each with one exception while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.exceptions import resolve_exception

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

RULE = "breaker"
SILENT = "silent_source"
WORDS = {
    "keys": "too many keys",
    "units": "too many units",
    "value": "too much value",
    "mass_zero": "mass zero",
    "snapshot_zero": "snapshot of zeros",
    SILENT: "source silent",
    "snapshot_flood": "full state not believed",
}
BIGINT_MAX = 2**63 - 1


@dataclass(frozen=True)
class Trip:
    """A breaker that tripped. ``target`` None: every target; ``locations`` None: every location."""

    trip_id: int
    rule: str
    target: str | None
    locations: list[str] | None
    source: str | None
    batch_id: int | None
    measured: int
    bound: int
    detail: str
    state: str
    opened_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str | None

    @property
    def reason(self) -> str:
        """Reason of every correction it holds."""
        return f"{reason_prefix(self.trip_id)}{WORDS[self.rule]}"

    @property
    def scope(self) -> str:
        """Where it holds, for people."""
        where = "every location" if self.locations is None else ", ".join(self.locations)
        return f"{self.target or 'every target'} at {where}"

    @property
    def subject(self) -> str:
        """Subject of its exception."""
        return f"breaker {self.trip_id}"

    def covers(self, target: str, location: str) -> bool:
        return self.target in (None, target) and (self.locations is None or location in self.locations)


COLUMNS = (
    "trip_id, rule, target, locations, source, batch_id, measured, bound, detail, state, opened_at, decided_at, "
    "decided_by, note"
)


def reason_prefix(trip_id: int) -> str:
    """Begins the reason of what the trip holds; ends so that trip 1 is not taken for trip 12."""
    return f"breaker {trip_id}: "


def trips(conn: psycopg.Connection, state: str | None = "open") -> list[Trip]:
    """Trips in ``state`` (None: all), the oldest first: of two that cover a key the first one holds it."""
    with conn.cursor(row_factory=class_row(Trip)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from ops.breaker_trips where %(state)s::text is null or state = %(state)s "
            "order by trip_id",
            {"state": state},
        ).fetchall()


def one_trip(conn: psycopg.Connection, trip_id: int) -> Trip | None:
    """The trip; None when there is none of that number."""
    with conn.cursor(row_factory=class_row(Trip)) as cursor:
        return cursor.execute(f"select {COLUMNS} from ops.breaker_trips where trip_id = %s", (trip_id,)).fetchone()


def covering(found: Iterable[Trip], target: str, location: str) -> Trip | None:
    """The first trip that holds corrections of ``target`` at ``location``."""
    return next((trip for trip in found if trip.covers(target, location)), None)


def open_trip(
    conn: psycopg.Connection,
    rule: str,
    *,
    target: str | None,
    locations: list[str] | None,
    measured: int,
    bound: int,
    detail: str,
    at: datetime,
    batch_id: int | None = None,
    source: str | None = None,
    silent_since: datetime | None = None,
) -> Trip:
    """Open a trip. The caller knows that none is open for the same rule and scope, and tells a person of it."""
    with conn.cursor(row_factory=class_row(Trip)) as cursor:
        trip = cursor.execute(
            "insert into ops.breaker_trips (rule, target, locations, source, batch_id, measured, bound, detail, state, "
            f"opened_at, silent_since) values (%s, %s, %s, %s, %s, %s, %s, %s, 'open', %s, %s) returning {COLUMNS}",
            (
                rule, target, locations, source, batch_id, min(measured, BIGINT_MAX), min(bound, BIGINT_MAX), detail,
                at, silent_since,
            ),
        ).fetchone()  # fmt: skip
    assert trip is not None
    return trip


def close_trip(
    conn: psycopg.Connection, trip: Trip, state: str, *, by: str, note: str | None = None, at: datetime
) -> bool:
    """``released``, ``denied`` or ``recovered``, once: False when it was not open any more."""
    closed = conn.execute(
        "update ops.breaker_trips set state = %s, decided_at = %s, decided_by = %s, note = %s "
        "where trip_id = %s and state = 'open'",
        (state, at, by, note, trip.trip_id),
    ).rowcount
    if closed:
        resolve_exception(conn, RULE, trip.subject, at=at)
    return bool(closed)
