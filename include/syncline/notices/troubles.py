"""What a person has to know of a subscriber: one open exception for each kind of trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.exceptions import open_exception, resolve_exception

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.notices.event import Bundle, Outcome


def note_taken(conn: psycopg.Connection, name: str, at: datetime) -> None:
    """It takes something again."""
    row = conn.execute(
        "update ops.subscriber_cursors set delivered_at = %(at)s, failures = 0, paused_until = null "
        "where subscriber = %(name)s "
        "returning (select c.failures from ops.subscriber_cursors c where c.subscriber = %(name)s)",
        {"name": name, "at": at},
    ).fetchone()
    if row is not None and row[0] > 0:
        resolve_exception(conn, "subscriber_down", name, at=at)


def note_pause(conn: psycopg.Connection, name: str, outcome: Outcome, at: datetime) -> None:
    open_exception(
        conn,
        "subscriber_down",
        name,
        detail=f"Subscriber {name} took nothing of several tries in a row: {outcome.told}.",
        next_step=f"Nothing is lost. Look with `syncline notices list`, try `syncline notices test {name}`.",
        at=at,
    )


def note_gone(conn: psycopg.Connection, name: str, outcome: Outcome, at: datetime) -> None:
    """It asked to be sent nothing more."""
    conn.execute("update ops.subscriber_cursors set stopped = %s where subscriber = %s", (outcome.told[:300], name))
    open_exception(
        conn,
        "subscriber_gone",
        name,
        detail=f"Subscriber {name} says that it is gone: {outcome.told}. Its deliveries wait.",
        next_step=f"Take it out of the registry, or correct its address and run `syncline notices resume {name}`.",
        at=at,
    )


def note_dead(conn: psycopg.Connection, name: str, bundle: Bundle, outcome: Outcome, at: datetime) -> None:
    open_exception(
        conn,
        "notice_dead",
        name,
        detail=f"Subscriber {name} does not take event {bundle.events[0].position}: {outcome.told}.",
        next_step=f"See `syncline notices dead {name}`; when it can take them, `syncline notices redrive {name}`.",
        at=at,
    )
