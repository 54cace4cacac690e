"""Exceptions a person has to look at: at most one open for each (rule, subject)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

DETAIL_MAX = 2000


def open_exception(
    conn: psycopg.Connection,
    rule: str,
    subject: str,
    *,
    detail: str,
    next_step: str,
    at: datetime,
    batch_id: int | None = None,
) -> None:
    """Open it, or leave the one that is open."""
    conn.execute(
        "insert into ops.exceptions (rule, subject, state, detail, next_step, batch_id, opened_at) "
        "values (%s, %s, 'open', %s, %s, %s, %s) on conflict (rule, subject) where state = 'open' do nothing",
        (rule, subject, detail[:DETAIL_MAX], next_step, batch_id, at),
    )


def resolve_exception(conn: psycopg.Connection, rule: str, subject: str, *, at: datetime) -> None:
    """Close it if it is open."""
    conn.execute(
        "update ops.exceptions set state = 'resolved', resolved_at = %s where rule = %s and subject = %s and "
        "state = 'open'",
        (at, rule, subject),
    )
