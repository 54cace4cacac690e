"""What people do with an exception: take, assign, comment, snooze, resolve, reopen. Every change is recorded.

Each call is one transaction of the role transformer, on the row as it is then. A caller may give ``request_id``, its
own id of the call: the same id again changes nothing. ``expected`` is the version that the caller has seen; with
another one the call is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

from syncline.errors import RetryableError, TerminalError
from syncline.exceptions.listing import find
from syncline.exceptions.model import TEAMS, Kept
from syncline.landing.warehouse_errors import warehouse_errors
from syncline.resolve.due import add_due_check

if TYPE_CHECKING:
    from datetime import datetime

NAME_MAX = 200
NOTE_MAX = 2000
REQUEST_MAX = 100


class NoSuchException(TerminalError):
    """There is no exception of that number."""


class ChangeRefused(TerminalError):
    """The exception is in no state for this, or it is another version than the caller has seen."""


@dataclass(frozen=True)
class By:
    """Who changes what, when, and how a repeat is known."""

    name: str
    at: datetime
    request_id: str | None = None
    expected: int | None = None

    def __post_init__(self) -> None:
        _refuse_bad("name", self.name, NAME_MAX)
        if self.request_id is not None:
            _refuse_bad("request id", self.request_id, REQUEST_MAX)


def take(conn: psycopg.Connection, number: int, by: By, note: str | None = None) -> Kept:
    """``by`` works on it from now on."""
    return change(conn, number, "acknowledged", by, note, owner=by.name)


def assign(
    conn: psycopg.Connection, number: int, by: By, *, owner: str | None = None, team: str | None = None,
    note: str | None = None,
) -> Kept:  # fmt: skip
    """It is for ``owner``, or for whoever the directory names for the place in ``team``."""
    if not owner and not team:
        raise TerminalError("Nobody is named.", next_step="Give an owner, a team, or both.")
    if team is not None and team not in TEAMS:
        raise TerminalError(f"{team!r} is no team.", next_step=f"Give one of {', '.join(TEAMS)}.")
    if owner is not None:
        _refuse_bad("owner", owner, NAME_MAX)
    return change(conn, number, "assigned", by, note, owner=owner, team=team)


def comment(conn: psycopg.Connection, number: int, by: By, note: str, *, document: str | None = None) -> Kept:
    """Add a note, and what it is about: the id of a stored document. Nothing else changes."""
    _refuse_bad("comment", note, NOTE_MAX)
    if document is not None:
        known = conn.execute("select exists (select from raw.documents where document_id = %s)", (document,)).fetchone()
        if known != (True,):
            raise TerminalError(
                f"No document {document[:100]!r} is stored.", next_step="Find its id: syncline trace, or raw.documents."
            )
    return change(conn, number, "commented", by, note, document=document)


def snooze(conn: psycopg.Connection, number: int, by: By, until: datetime, note: str | None = None) -> Kept:
    """Nobody is asked before ``until``; the first batch after it asks again."""
    refuse_past(until, by.at)
    with conn.transaction():
        kept = change(conn, number, "snoozed", by, note, until=until.isoformat())
        add_due_check(conn, "exception wakes", until)
    return kept


def reopen(conn: psycopg.Connection, number: int, by: By, note: str) -> Kept:
    """It was resolved too early. Refused while another one stands for the same rule and subject."""
    _refuse_bad("note", note, NOTE_MAX)
    return change(conn, number, "reopened", by, note)


def change(conn: psycopg.Connection, number: int, what: str, by: By, note: str | None = None, **more: Any) -> Kept:
    """One change by the database's own function; the row as it is afterwards.

    Raises:
        NoSuchException: there is no such number.
        ChangeRefused: its state does not allow it, or ``by.expected`` is not its version.
        WarehouseUnavailable: nothing was written; the same call may be repeated.
    """
    if note is not None:
        _refuse_bad("note", note, NOTE_MAX)
    said = {name: value for name, value in more.items() if value is not None}
    said |= {"request": by.request_id} if by.request_id else {}
    said |= {"expected": by.expected} if by.expected is not None else {}
    with warehouse_errors(f"change exception {number}"):
        try:
            conn.execute(
                "select ops.change_exception(%s::bigint, %s, %s, %s::timestamptz, %s::text, %s)",
                (number, what, by.name, by.at, note, Jsonb(said)),
            )
        except psycopg.errors.NoDataFound:
            raise _missing(number) from None
        except (psycopg.errors.RestrictViolation, psycopg.errors.SerializationFailure) as error:
            raise _refused(number, error) from None
        except psycopg.errors.UniqueViolation as error:
            raise _second(number, error) from None
    return get(conn, number, by.at)


def get(conn: psycopg.Connection, number: int, at: datetime) -> Kept:
    """The exception as it is.

    Raises:
        NoSuchException: there is none of that number.
    """
    kept = find(conn, number, at)
    if kept is None:
        raise _missing(number)
    return kept


def refuse_past(until: datetime, at: datetime) -> None:
    """Raise TerminalError unless ``until`` is still to come."""
    if until.tzinfo is None or until <= at:
        raise TerminalError(
            f"{until.isoformat()} is not after now, {at.isoformat()}.", next_step="Give a later instant, with its zone."
        )


def _missing(number: int) -> NoSuchException:
    return NoSuchException(f"There is no exception {number}.", next_step="List them: syncline exceptions list.")


def _refused(number: int, error: psycopg.Error) -> ChangeRefused:
    told = (error.diag.message_primary or "").removeprefix("ops.exceptions: ")
    return ChangeRefused(
        f"Exception {number} stays as it is: {told}.", next_step=f"Look at it: syncline exceptions show {number}."
    )


def _second(number: int, error: psycopg.errors.UniqueViolation) -> ChangeRefused | RetryableError:
    if error.diag.constraint_name == "one_open_exception":
        return ChangeRefused(
            f"Exception {number} stays resolved: a later one stands for the same rule and subject.",
            next_step="Work on the later one: syncline exceptions list.",
        )
    # Two calls with one request id at once: the other one is being written.
    return RetryableError(
        f"Another call changes exception {number} with the same request id.", next_step="Look at it, then repeat."
    )


def _refuse_bad(what: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most or not text.isprintable():
        raise TerminalError(
            f"The {what} is missing, over {most} characters or not printable.",
            next_step=f"Give 1 to {most} printable characters.",
        )
