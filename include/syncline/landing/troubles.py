"""Open exceptions for people: one per rule and subject, however often it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from syncline.landing.model import Trouble

OPEN = """insert into ops.exceptions (rule, subject, state, detail, next_step, opened_at)
    values (%s, %s, 'open', %s, %s, %s) on conflict (rule, subject) where state = 'open' do nothing"""


def open_troubles(conn: psycopg.Connection, troubles: Iterable[Trouble], at: datetime) -> None:
    """Open each of ``troubles`` that is not open yet."""
    for trouble in troubles:
        conn.execute(OPEN, [trouble.rule, trouble.subject, trouble.detail, trouble.next_step, at])
