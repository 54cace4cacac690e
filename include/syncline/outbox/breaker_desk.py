"""What a person does with a tripped breaker: let go what it holds, or deny it. Once; asking again changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from syncline.errors import TerminalError
from syncline.outbox.queue import queue_keys
from syncline.outbox.release import LET_GO_BY
from syncline.outbox.transitions import lock_outbox, transition
from syncline.outbox.trips import Trip, close_trip, one_trip, reason_prefix

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

BY_MAX, NOTE_MAX = 100, 500
Decision = Literal["released", "denied"]


@dataclass(frozen=True)
class Decided:
    """The trip as it is now. ``moved``: let go or denied; ``outdated``: superseded and queued. ``already``: neither."""

    trip: Trip
    moved: int = 0
    outdated: int = 0
    already: bool = False


def decide(conn: psycopg.Connection, trip_id: int, decision: Decision, *, by: str, note: str, at: datetime) -> Decided:
    """Close a trip and let go (``released``) or end (``denied``) every correction that it holds, in one transaction.

    Let go is only what is still its key's newest number, from its newest reading (semantics §9); the rest is computed
    anew. A trip that was decided before stays as it was decided.

    Raises:
        TerminalError: no such trip; no name, or no note.
    """
    _require(by, "Who decides", "by", BY_MAX)
    _require(note, "The reason", "note", NOTE_MAX)
    with conn.transaction():
        # The locks before the row: a release that opens trips takes them in the same order.
        for (target,) in conn.execute(
            "select distinct target from ops.outbox where state = 'held' and starts_with(reason, %s) order by 1",
            (reason_prefix(trip_id),),
        ).fetchall():
            lock_outbox(conn, target)
        trip = one_trip(conn, trip_id)
        if trip is None:
            raise TerminalError(
                f"Breaker {trip_id} has never tripped.", next_step="Find it with `syncline outbox breakers`."
            )
        if not close_trip(conn, trip, decision, by=by, note=note, at=at):
            return Decided(trip, already=True)
        moved = outdated = 0
        for correction_id, key, is_newest in _held_by(conn, trip_id):
            if decision == "denied":
                reason = f"denied by {by} (breaker {trip_id}): {note}"
                moved += transition(conn, correction_id, "held", "dead", at=at, reason=reason)
            elif is_newest:
                reason = f"{LET_GO_BY}{by} (breaker {trip_id})"
                moved += transition(conn, correction_id, "held", "pending", at=at, reason=reason)
            else:
                outdated += transition(conn, correction_id, "held", "dead", at=at, reason="superseded")
                queue_keys(conn, [key], "breaker released", at)
    closed = one_trip(conn, trip_id)
    assert closed is not None
    return Decided(closed, moved, outdated)


def _require(text: str, what: str, option: str, length_max: int) -> None:
    if not text.strip() or len(text) > length_max or not text.isprintable():
        raise TerminalError(
            f"{what} is missing, longer than {length_max} characters, or not one printable line.",
            next_step=f"Give --{option}; it is kept with the decision.",
        )


def _held_by(conn: psycopg.Connection, trip_id: int) -> list[tuple[str, tuple[str, str, str], bool]]:
    rows = conn.execute(
        """
        select o.correction_id, o.target, o.item, o.location,
               o.to_version = (select max(v.version) from ops.target_versions v
                 where (v.target, v.item, v.location) = (o.target, o.item, o.location))
               and o.reading_no = (select max(r.reading_no) from ops.target_readings r
                 where (r.target, r.item, r.location) = (o.target, o.item, o.location))
        from ops.outbox o
        where o.state = 'held' and o.tries = 0 and starts_with(o.reason, %s) order by o.target, o.item, o.location
        """,
        (reason_prefix(trip_id),),
    ).fetchall()
    return [(row[0], (row[1], row[2], row[3]), bool(row[4])) for row in rows]
