"""Key holds: a person keeps back the corrections of a key until an instant; then they flow by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.errors import TerminalError
from syncline.outbox.transitions import lock_outbox, transition
from syncline.resolve.due import add_due

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

ON_HOLD = "on hold"  # the reason of a correction that a key hold keeps back
EVERY_TARGET = "*"
TEXT_MAX = 200


@dataclass(frozen=True)
class Hold:
    """A hold in force: ``target`` may be ``*``."""

    item: str
    location: str
    target: str
    held_until: datetime
    reason: str
    held_by: str
    held_at: datetime


def hold_key(
    conn: psycopg.Connection,
    item: str,
    location: str,
    *,
    until: datetime,
    reason: str,
    by: str,
    at: datetime,
    target: str = EVERY_TARGET,
) -> int:
    """Hold the key from now on; a hold that stands already gets this end and reason. Returns held corrections.

    Corrections that wait to be sent are held at once, later ones when they are written. One that was tried goes on:
    it may have had its effect already.

    Args:
        conn: role publisher.
        until: first instant at which the key is free again.

    Raises:
        TerminalError: ``until`` is not after ``at``, the key has no balance, or a text is missing or too long.
    """
    _refuse_bad_texts(reason, by)
    if until <= at:
        raise TerminalError(
            f"The hold of {item} at {location} would end at {until.isoformat()}, before it begins.",
            next_step=f"Give an instant after {at.isoformat()}.",
        )
    known = conn.execute(
        "select exists (select from canonical.balances where (item, location) = (%s, %s))", (item, location)
    ).fetchone()
    if known != (True,):
        raise TerminalError(
            f"There is no stock of {item} at {location}.", next_step="Check item and location in canonical.balances."
        )
    with conn.transaction():
        _append(conn, (item, location, target), until, reason, by, at)
        return _hold_waiting(conn, item, location, target, at)


def end_hold(
    conn: psycopg.Connection, item: str, location: str, *, by: str, at: datetime, target: str = EVERY_TARGET
) -> None:
    """End a hold now: the next batch lets its corrections go.

    Raises:
        TerminalError: no such hold stands, or ``by`` is missing.
    """
    _refuse_bad_texts("ended", by)
    with conn.transaction():
        if not any((h.item, h.location, h.target) == (item, location, target) for h in holds(conn)):
            raise TerminalError(
                f"{item} at {location} is not held for {'every target' if target == EVERY_TARGET else target}.",
                next_step="List the holds with `syncline hold list`; name the target as it was given.",
            )
        _append(conn, (item, location, target), at, f"ended by {by}", by, at)


def holds(conn: psycopg.Connection) -> list[Hold]:
    """Holds in force, the first to end first."""
    with conn.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(
            "select item, location, target, held_until, reason, held_by, held_at from ops.current_key_holds "
            "order by held_until, item, location, target"
        ).fetchall()


def _append(
    conn: psycopg.Connection, key: tuple[str, str, str], until: datetime, reason: str, by: str, at: datetime
) -> None:
    item, location, _ = key
    due_row = add_due(conn, item, location, "on_hand", "hold ends", until)
    conn.execute(
        "insert into ops.key_holds (item, location, target, held_until, reason, held_by, held_at, due_row) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (*key, until, reason, by, at, due_row),
    )


def _hold_waiting(conn: psycopg.Connection, item: str, location: str, target: str, at: datetime) -> int:
    waiting = """
        select target, correction_id from ops.outbox
        where (item, location) = (%s, %s) and (%s = '*' or target = %s) and state = 'pending' and tries = 0
        order by target
    """
    held = 0
    for (name,) in conn.execute(
        f"select target from ({waiting}) w".encode(), (item, location, target, target)
    ).fetchall():
        lock_outbox(conn, name)
        for _, correction in conn.execute(waiting.encode(), (item, location, name, name)).fetchall():
            held += transition(conn, correction, "pending", "held", at=at, reason=ON_HOLD)
    return held


def _refuse_bad_texts(reason: str, by: str) -> None:
    for what, text in (("reason", reason), ("name with --by", by)):
        if not text.strip() or len(text) > TEXT_MAX:
            raise TerminalError(f"The {what} is missing or too long.", next_step=f"Give 1 to {TEXT_MAX} characters.")
