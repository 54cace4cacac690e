"""What a person sees of the subscribers, and does: re-drive dead letters, resume what was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.errors import TerminalError
from syncline.exceptions import resolve_exception

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

LISTED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a subscriber is. ``behind``: events that were not looked at yet; ``oldest``: of those that wait."""

    subscriber: str
    position: int
    behind: int
    waiting: int
    dead: int
    shadow: int
    oldest: datetime | None
    paused_until: datetime | None
    stopped: str | None


@dataclass(frozen=True, slots=True)
class DeadNotice:
    """An event that a subscriber did not take."""

    position: int
    kind: str
    subject: str
    tries: int
    status_code: int | None
    told: str


def standings(conn: psycopg.Connection) -> list[Standing]:
    """Every subscriber that was ever planned for, by name."""
    rows = conn.execute(
        """
        select c.subscriber, c.position,
               (select count(*) from ops.event_positions p where p.position > c.position)
               + (select count(*) from ops.unnumbered_events),
               (select count(*) from ops.deliveries d
                where d.subscriber = c.subscriber and d.state in ('waiting', 'sent')),
               (select count(*) from ops.deliveries d where d.subscriber = c.subscriber and d.state = 'dead'),
               (select count(*) from ops.deliveries d where d.subscriber = c.subscriber and d.state = 'shadow'),
               (select min(e.occurred_at) from ops.deliveries d join ops.events e using (event_id)
                where d.subscriber = c.subscriber and d.state in ('waiting', 'sent')),
               c.paused_until, c.stopped
        from ops.subscriber_cursors c order by c.subscriber
        """
    ).fetchall()
    return [Standing(*row) for row in rows]


def dead_notices(conn: psycopg.Connection, subscriber: str) -> list[DeadNotice]:
    """Its dead letters in order of position, at most ``LISTED_MAX``."""
    rows = conn.execute(
        "select d.position, e.kind, d.subject, d.tries, d.status_code, coalesce(d.told, '') "
        "from ops.deliveries d join ops.events e using (event_id) "
        "where d.subscriber = %s and d.state = 'dead' order by d.position limit %s",
        (subscriber, LISTED_MAX),
    ).fetchall()
    return [DeadNotice(*row) for row in rows]


def redrive(
    conn: psycopg.Connection, subscriber: str, position: int | None, *, at: datetime, dry_run: bool = False
) -> list[int]:
    """Let dead letters go again under their ids: one with what it was sent in, or all. Their positions, in order.

    They arrive after what followed them; ``sequence`` tells the receiver.

    Raises:
        TerminalError: ``position`` is no dead letter of this subscriber.
    """
    with conn.transaction():
        _lock(conn, subscriber)
        found = conn.execute(
            "select d.position from ops.deliveries d where d.subscriber = %(name)s and d.state = 'dead' "
            "and (%(position)s::bigint is null or d.bundle = (select b.bundle from ops.deliveries b "
            "where b.subscriber = %(name)s and b.position = %(position)s)) order by d.position",
            {"name": subscriber, "position": position},
        ).fetchall()
        positions = [int(row[0]) for row in found]
        if position is not None and position not in positions:
            raise TerminalError(
                f"Event {position} is no dead letter of {subscriber}.",
                next_step=f"List them with `syncline notices dead {subscriber}`.",
            )
        if positions and not dry_run:
            _redrive(conn, subscriber, positions, at)
    return positions


def _redrive(conn: psycopg.Connection, subscriber: str, positions: list[int], at: datetime) -> None:
    conn.execute(
        "update ops.deliveries set state = 'waiting', tries = 0, first_tried_at = null, not_before = null, "
        "changed_at = %s where subscriber = %s and position = any(%s)",
        (at, subscriber, positions),
    )
    left: Any = conn.execute(
        "select exists (select from ops.deliveries where subscriber = %s and state = 'dead')", (subscriber,)
    ).fetchone()
    if not left[0]:
        resolve_exception(conn, "notice_dead", subscriber, at=at)


def resume(conn: psycopg.Connection, subscriber: str, *, at: datetime) -> None:
    """Send to it again, from where it was stopped or paused. Raises TerminalError when nobody ever planned for it."""
    with conn.transaction():
        _lock(conn, subscriber)
        conn.execute(
            "update ops.subscriber_cursors set stopped = null, paused_until = null where subscriber = %s", (subscriber,)
        )
        conn.execute(
            "update ops.deliveries set not_before = null where subscriber = %s and state = 'waiting'", (subscriber,)
        )
        resolve_exception(conn, "subscriber_gone", subscriber, at=at)


def _lock(conn: psycopg.Connection, subscriber: str) -> None:
    """Its cursor row, as every claim takes it."""
    sql = "select from ops.subscriber_cursors where subscriber = %s for update"
    if conn.execute(sql, (subscriber,)).fetchone() is None:
        raise TerminalError(
            f"No subscriber {subscriber!r} was ever delivered to.", next_step="See `syncline notices list`."
        )
