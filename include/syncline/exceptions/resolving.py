"""How an exception ends by a person: what stands is accepted, the key is computed again, stock is written off, or a
partner is asked. What a person decides about facts is a decision (ADR 0014) in the same transaction.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from syncline.config.tables import FINANCIAL
from syncline.decisions.exceptions import facts_of, is_answered
from syncline.decisions.model import Decision
from syncline.decisions.propose import propose_accept, propose_write_off
from syncline.decisions.store import store
from syncline.errors import TerminalError
from syncline.exceptions.desk import By, change, get, refuse_past
from syncline.outbox.queue import queue_keys
from syncline.resolve.due import add_due, add_due_check

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.exceptions.model import Kept


def accept(conn: psycopg.Connection, number: int, by: By, note: str) -> Kept:
    """What stands shall stand. Where facts are in question it is a decision about them; else only the note stays.

    Raises:
        TerminalError: no fact is in question any more: it closes by itself.
    """
    with conn.transaction():
        if not _is_new(conn, number, by):
            return get(conn, number, by.at)
        kept = get(conn, number, by.at)
        decision: Decision | None = None
        if is_answered(kept.rule):
            if not facts_of(conn, number):
                raise TerminalError(
                    f"No fact of exception {number} is in question any more.",
                    next_step="Nothing is to be accepted: the next batch of its key closes it.",
                )
            decision = propose_accept(
                conn, [], by=by.name, at=by.at, why=note, exception_id=number, decision_id=_decision_id(kept)
            )
            store(conn, decision)
        return _resolved(conn, number, by, note, "accept", decision)


def write_off(conn: psycopg.Connection, number: int, by: By, note: str, quantity: int) -> Kept:
    """Book ``quantity`` (signed, base units) of its key as a movement that no source tells.

    The decision is stored here; ``decisions.land_write_offs`` (role loader) lands it afterwards.

    Raises:
        TerminalError: it is about no one key, or the quantity is none.
    """
    with conn.transaction():
        if not _is_new(conn, number, by):
            return get(conn, number, by.at)
        kept = get(conn, number, by.at)
        item, location = _key(kept)
        decision = propose_write_off(
            conn, item, location, quantity, measure=kept.measure or "on_hand", lot=kept.lot, by=by.name, at=by.at,
            why=note, decision_id=_decision_id(kept),
        )  # fmt: skip
        store(conn, decision)
        return _resolved(conn, number, by, note, "write off", decision)


def correct(conn: psycopg.Connection, number: int, by: By, note: str | None = None) -> Kept:
    """Its cause was put right: the next batch thinks about the key again, and reopens it when the cause still stands.

    Raises:
        TerminalError: it is about no one key.
    """
    with conn.transaction():
        if not _is_new(conn, number, by):
            return get(conn, number, by.at)
        kept = get(conn, number, by.at)
        item, location = _key(kept)
        # Before the row is closed: a batch that begins in between would reopen what nobody thought about again.
        measure = kept.measure if kept.measure and kept.measure != FINANCIAL else "on_hand"
        add_due(conn, item, location, measure, "exception corrected", by.at)
        if kept.target:
            queue_keys(conn, [(kept.target, item, location)], "exception corrected", by.at)
        return change(conn, number, "resolved", by, note, resolution="correct")


def ask_partner(
    conn: psycopg.Connection, number: int, by: By, question: str, *, partner: str | None, due: datetime
) -> Kept:
    """Ask ``partner`` (default: the source that it is about) ``question``, and wait for an answer until ``due``.

    An event ``exception.asked`` carries the question to whoever subscribes. The exception sleeps until ``due``; it
    closes by itself when its cause goes away, and asks again when it does not.

    Raises:
        TerminalError: nobody is named, or ``due`` has passed.
    """
    refuse_past(due, by.at)
    with conn.transaction():
        asked = partner or get(conn, number, by.at).source
        if not asked:
            raise TerminalError(f"Exception {number} names no partner.", next_step="Say who is asked: --partner NAME.")
        kept = change(conn, number, "asked", by, question, asked=asked, until=due.isoformat(), resolution="ask partner")
        add_due_check(conn, "exception wakes", due)
    return kept


def _resolved(
    conn: psycopg.Connection, number: int, by: By, note: str, resolution: str, decision: Decision | None
) -> Kept:
    made = decision.decision_id if decision else None
    return change(conn, number, "resolved", by, note, resolution=resolution, decision=made)


def _is_new(conn: psycopg.Connection, number: int, by: By) -> bool:
    """False when the request was taken before. Takes the row's lock, so that no second call decides beside this one."""
    conn.execute("select pg_advisory_xact_lock(7240029, %s)", (number % 2**31,))
    if by.request_id is None:
        return True
    row = conn.execute(
        "select exists (select from ops.exception_changes where request_id = %s)", (by.request_id,)
    ).fetchone()
    return row == (False,)


def _decision_id(kept: Kept) -> str:
    """One for this state of the exception: a call that is repeated after a lost answer decides nothing twice."""
    said = f"{kept.exception_id}/{kept.version}/{kept.opened_at.isoformat()}"
    return f"exception-{kept.exception_id}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def _key(kept: Kept) -> tuple[str, str]:
    if kept.item is None or kept.location is None:
        raise TerminalError(
            f"Exception {kept.exception_id} ({kept.rule}) is about no one item at a location.",
            next_step="Follow its next step, or resolve it with accept.",
        )
    return kept.item, kept.location
