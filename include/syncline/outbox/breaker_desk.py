"""What a person does with a tripped breaker: let go what it holds, or deny it. Once; asking again changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from syncline.errors import TerminalError
from syncline.outbox.queue import queue_keys
from syncline.outbox.release import LET_GO_BY
from syncline.outbox.transitions import lock_targets, transition
from syncline.outbox.trips import SILENT, Trip, close_trip, one_trip, reason_prefix

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
    require(by, "Who decides", "by", BY_MAX)
    require(note, "The reason", "note", NOTE_MAX)
    with conn.transaction():
        # The locks before the row, as a release takes them. One that still sees the trip open would hold rows that
        # nobody lets go.
        lock_targets(conn)
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


def claim_questions(
    conn: psycopg.Connection, run: str, *, now: datetime, until: datetime, every: bool = False
) -> list[int]:
    """Open trips that wait for a person and that no other run asks about before ``until`` has passed.

    Silent sources are left out: they recover by themselves, and a question about a recovered one would stand for
    nothing. The same run gets the same trips again; ``every``: also those another run asks about.
    """
    return [
        trip_id
        for (trip_id,) in conn.execute(
            """
            with mine as (
              update ops.breaker_trips set asked_by = %(run)s, asked_until = %(until)s
              where state = 'open' and rule <> %(silent)s
                and (%(every)s or asked_by is null or asked_until <= %(now)s) and asked_by is distinct from %(run)s
              returning trip_id
            )
            select trip_id from mine
            union select trip_id from ops.breaker_trips where asked_by = %(run)s
            order by 1
            """,
            {"run": run, "until": until, "now": now, "every": every, "silent": SILENT},
        ).fetchall()
    ]


def require(text: str, what: str, option: str, length_max: int) -> None:
    """Raise TerminalError for a text, kept with a decision, that is missing, too long, or not one printable line."""
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
