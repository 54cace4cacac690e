"""What a compensation does, and how it is taken back: each by what a person could do, in the caller's transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncline.decisions.propose import propose_withdraw, propose_write_off
from syncline.decisions.store import store
from syncline.exceptions.desk import By, change, get
from syncline.exceptions.resolving import accept, ask_partner, correct
from syncline.outbox.queue import queue_keys

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.compensation.model import Kept

SYSTEM = "syncline"
ANSWER_WITHIN = timedelta(days=1)  # in the product's clock: an asked partner has so long
NOTE_MAX = 1000


def act(conn: psycopg.Connection, kept: Kept, by: str, at: datetime) -> str | None:
    """Do what ``kept`` says; the id of the decision that it made, if it made one.

    Raises:
        TerminalError: what it answers does not stand any more, or is in no state for it.
    """
    who = By(by, at, request_id=kept.compensation_id)
    why = f"rule {kept.rule}: {kept.detail}"[:NOTE_MAX]
    if kept.action == "write off":
        assert kept.item is not None
        assert kept.location is not None
        name = f"compensation-{kept.compensation_id}"
        decision = propose_write_off(
            conn, kept.item, kept.location, kept.units, measure=kept.measure or "on_hand", lot=kept.lot or None,
            event_key=kept.event_key, by=by, at=at, why=why, decision_id=name,
        )  # fmt: skip
        store(conn, decision)
        return name
    assert kept.exception_id is not None
    if kept.action == "accept":
        accept(conn, kept.exception_id, who, why)
        return _decision_of(conn, kept)
    if kept.action == "correct":
        correct(conn, kept.exception_id, who, why)
        if kept.target and kept.item and kept.location:
            queue_keys(conn, [(kept.target, kept.item, kept.location)], "compensation", at)
    else:
        ask_partner(conn, kept.exception_id, who, why, partner=kept.source, due=at + ANSWER_WITHIN)
    return None


def take_back(conn: psycopg.Connection, kept: Kept, by: str, note: str, at: datetime) -> str | None:
    """The opposite of ``act``, as a record of its own; the id of the decision that takes the other one back.

    An accept is withdrawn, a write-off gets its opposite. A recomputed key has no opposite: the target was given our
    number, and gets the next one when that changes. In every case its exception is open again.
    """
    name = f"reversal-{kept.compensation_id}"
    made = None
    if kept.action == "accept" and kept.decision_id:
        store(conn, propose_withdraw(conn, kept.decision_id, by=by, at=at, why=note, decision_id=name))
        made = name
    elif kept.action == "write off":
        assert kept.item is not None
        assert kept.location is not None
        opposite = propose_write_off(
            conn, kept.item, kept.location, -kept.units, measure=kept.measure or "on_hand",
            lot=kept.lot or None, by=by, at=at, why=note, decision_id=name, withdraws=kept.decision_id,
        )  # fmt: skip
        store(conn, opposite)
        made = name
    if kept.exception_id is not None and _can_reopen(conn, kept, at):
        change(conn, kept.exception_id, "reopened", By(by, at, request_id=name), note)
    return made


def _can_reopen(conn: psycopg.Connection, kept: Kept, at: datetime) -> bool:
    """Not when it stands again, or a later one does for the same subject."""
    assert kept.exception_id is not None
    found = get(conn, kept.exception_id, at)
    if found.state == "snoozed":
        change(conn, kept.exception_id, "woken", By(SYSTEM, at))
        return False
    row = conn.execute(
        "select exists (select from ops.exceptions where rule = %s and subject = %s and state <> 'resolved')",
        (found.rule, found.subject),
    ).fetchone()
    return row == (False,)


def _decision_of(conn: psycopg.Connection, kept: Kept) -> str | None:
    """The decision that the resolution made, as the exception's own record names it."""
    row = conn.execute(
        "select details ->> 'decision' from ops.exception_changes where exception_id = %s and request_id = %s",
        (kept.exception_id, kept.compensation_id),
    ).fetchone()
    return str(row[0]) if row and row[0] else None
