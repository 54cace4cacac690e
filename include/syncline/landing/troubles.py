"""Open exceptions for people: one per rule and subject, however often it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.exceptions import About, open_exception

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from syncline.landing.model import Trouble


def open_troubles(conn: psycopg.Connection, source: str, troubles: Iterable[Trouble], at: datetime) -> None:
    """Open each of ``troubles`` of ``source`` that does not stand yet."""
    for trouble in troubles:
        open_exception(
            conn, trouble.rule, trouble.subject, detail=trouble.detail, next_step=trouble.next_step, at=at,
            about=About(source=source), evidence=trouble.evidence,
        )  # fmt: skip
