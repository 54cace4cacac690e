"""What a person does with held corrections: look at them, let one go, deny one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.errors import TerminalError
from syncline.exceptions import resolve_exception
from syncline.outbox.release import RELEASED_BY, SHADOW
from syncline.outbox.transitions import lock_outbox, transition

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

ROWS_MAX = 1000
REASON_MAX = 200
FIND = "Find the id with `syncline outbox held` or in ops.outbox."


@dataclass(frozen=True)
class Correction:
    """A row of ``ops.outbox`` as a person needs it. ``quantity``: the delta, or the number to set."""

    correction_id: str
    target: str
    item: str
    location: str
    to_version: int
    reading_no: int
    kind: str
    wanted: int
    shown: int
    quantity: int
    state: str
    reason: str | None
    tries: int
    changed_at: datetime


COLUMNS = (
    "correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, quantity, state, "
    "reason, tries, changed_at"
)


def held(conn: psycopg.Connection, target: str | None = None) -> list[Correction]:
    """Corrections that wait for a person or a cause to go away, in key order."""
    return _select(conn, "state = 'held'", target)


def release_held(conn: psycopg.Connection, prefix: str, *, by: str, at: datetime) -> Correction:
    """Let one held, untried correction go; ``prefix`` is its id or enough of its beginning.

    Raises:
        TerminalError: not exactly one such correction, it was tried, or its key has moved since.
    """
    with conn.transaction():
        correction = _locked(conn, prefix, by)
        moved = conn.execute(
            """
            select (select max(version) from ops.target_versions
                    where (target, item, location) = (%(t)s, %(i)s, %(l)s)) <> %(v)s
                or (select max(reading_no) from ops.target_readings
                    where (target, item, location) = (%(t)s, %(i)s, %(l)s)) <> %(r)s
            """,
            {"t": correction.target, "i": correction.item, "l": correction.location,
             "v": correction.to_version, "r": correction.reading_no},
        ).fetchone()  # fmt: skip
        if correction.reason == SHADOW:
            raise TerminalError(
                f"Correction {correction.correction_id[:12]} is only recorded: {correction.target} is in shadow mode.",
                next_step="Write `live` into its row of subscriptions.csv and apply it: the next batch lets it go.",
            )
        if moved and moved[0]:
            raise TerminalError(
                f"Correction {correction.correction_id[:12]} is out of date: the number wanted or shown has moved.",
                next_step="Wait for the next release: it replaces the correction.",
            )
        if not transition(conn, correction.correction_id, "held", "pending", at=at, reason=f"{RELEASED_BY}{by}"):
            raise TerminalError(
                f"Correction {correction.correction_id[:12]} was tried {correction.tries} times without proof: it "
                "cannot be sent again.",
                next_step="Compare the target's books, then deny it with a reason; a new one is computed from a "
                "new reading.",
            )
        return correction


def deny_held(conn: psycopg.Connection, prefix: str, *, by: str, reason: str, at: datetime) -> Correction:
    """End one held correction for good.

    A tried one is computed anew from the next reading, an untried one when its key moves.

    Raises:
        TerminalError: not exactly one such correction, or no reason.
    """
    if not reason.strip():
        raise TerminalError("A denial needs a reason.", next_step="Say why, for those who read it later.")
    with conn.transaction():
        correction = _locked(conn, prefix, by)
        if not transition(
            conn, correction.correction_id, "held", "dead", at=at, reason=f"denied by {by}: {reason}"[: 2 * REASON_MAX]
        ):
            raise TerminalError(f"Correction {correction.correction_id[:12]} is not held any more.", next_step=FIND)
        resolve_exception(conn, "push.tries", correction.correction_id, at=at)
        return correction


def _locked(conn: psycopg.Connection, prefix: str, by: str) -> Correction:
    if not by.strip() or len(by) > REASON_MAX:
        raise TerminalError("Who decides is missing or too long.", next_step="Give a name with --by.")
    with conn.cursor(row_factory=class_row(Correction)) as cursor:
        query = f"select {COLUMNS} from ops.outbox where state = 'held' and starts_with(correction_id, %s) limit 2"
        found = cursor.execute(query, (prefix,)).fetchall() if len(prefix) >= 6 else []
        if len(found) != 1:
            raise TerminalError(
                f"{len(found) or 'No'} held correction{'s begin' if found else ' begins'} with {prefix!r}.",
                next_step=FIND + " Give at least 6 characters.",
            )
        lock_outbox(conn, found[0].target)
        return found[0]


def _select(conn: psycopg.Connection, condition: str, target: str | None) -> list[Correction]:
    with conn.cursor(row_factory=class_row(Correction)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from ops.outbox where {condition} and (%(target)s::text is null or target = %(target)s) "
            f"order by target, item, location, changed_at limit {ROWS_MAX}",
            {"target": target},
        ).fetchall()
