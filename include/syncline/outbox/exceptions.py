"""Exceptions a person has to look at: at most one open for each (rule, subject)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    resolve_exceptions(conn, [(rule, subject)], at=at)


def resolve_exceptions(conn: psycopg.Connection, asked: Sequence[tuple[str, str]], *, at: datetime) -> None:
    """Close those of ``asked`` (rule, subject) that are open, in one statement."""
    if asked:
        conn.execute(
            "update ops.exceptions e set state = 'resolved', resolved_at = %s "
            "from unnest(%s::text[], %s::text[]) as a (rule, subject) "
            "where e.rule = a.rule and e.subject = a.subject and e.state = 'open'",
            (at, [rule for rule, _ in asked], [subject for _, subject in asked]),
        )


def sync_missing_keys(conn: psycopg.Connection, batch_id: int, *, at: datetime) -> None:
    """One exception for each candidate of a target whose change list was read and never showed its key.

    Such a key gets no correction: there is no number to correct. It is closed when the target shows the key.
    """
    conn.execute(
        """
        insert into ops.exceptions (rule, subject, state, detail, next_step, batch_id, opened_at)
        select 'no reading', concat_ws('/', c.target, c.item, c.location), 'open',
               c.target || ' has never shown this key; it should show ' || c.wanted,
               'Create the item at the location in the target, or take the location out of its rules.',
               %(batch)s, %(at)s
        from canonical.candidate_corrections c join ops.target_cursors k using (target)
        where c.hold_reason = 'no reading'
        on conflict (rule, subject) where state = 'open' do nothing
        """,
        {"batch": batch_id, "at": at},
    )
    conn.execute(
        """
        update ops.exceptions e set state = 'resolved', resolved_at = %s
        where e.rule = 'no reading' and e.state = 'open' and exists (
          select from canonical.candidate_corrections c
          where c.reading_no is not null and e.subject = concat_ws('/', c.target, c.item, c.location))
        """,
        (at,),
    )


def sync_unconfirmed(conn: psycopg.Connection, batch_id: int, *, at: datetime) -> None:
    """One exception for each candidate whose books no fact of a warehouse confirms; closed when one does.

    It happens to a key whose facts are all read otherwise by now and of which no correction followed a fact.
    """
    found = "from canonical.candidate_corrections c where c.fact_id is null and c.delta <> 0 and " + (
        "(c.event = 'books' or c.kind = 'delta')"
    )
    conn.execute(
        f"""
        insert into ops.exceptions (rule, subject, state, detail, next_step, batch_id, opened_at)
        select 'books.unconfirmed', concat_ws('/', c.target, c.item, c.location), 'open',
               c.target || ' should show ' || c.wanted || ', which no fact of a warehouse confirms',
               'Have the item counted at the location: the count is the fact that the books follow.', %s, %s
        {found}
        on conflict (rule, subject) where state = 'open' do nothing
        """.encode(),
        (batch_id, at),
    )
    conn.execute(
        """
        update ops.exceptions e set state = 'resolved', resolved_at = %s
        where e.rule = 'books.unconfirmed' and e.state = 'open' and exists (
          select from canonical.candidate_corrections c
          where c.fact_id is not null and e.subject = concat_ws('/', c.target, c.item, c.location))
        """,
        (at,),
    )
