"""Open and close exceptions: one that is not resolved for each (rule, subject), one for each period.

Both are functions of the database, which alone may write: they fill in the owner and the due time from the directory,
reopen what comes back inside its period, and record the change (migration 0023).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from syncline.exceptions.model import About

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

DETAIL_MAX = 2000
SYSTEM = "syncline"

_OPEN = """
select ops.open_exception(%(rule)s::text, %(subject)s::text, %(detail)s::text, %(next_step)s::text, %(at)s::timestamptz,
  %(batch)s::bigint, %(about)s::jsonb, %(units)s::bigint, %(evidence)s::text[])
"""
# Sorted first: two that open the same ones meet in one order.
_OPEN_FROM = """
select count(*) filter (where came in ('opened', 'reopened')) from (
  select ops.open_exception(f.rule, f.subject, left(f.detail, {most}), f.next_step, %(at)s::timestamptz,
           %(batch)s::bigint, f.about, f.units, f.evidence) as came
  from (select * from ({found}) q order by q.rule collate "C", q.subject collate "C") f
) o
"""
_CHANGE_ALL = """
select count(ops.change_exception(e.exception_id, %(what)s, 'syncline', %(at)s::timestamptz, null, '{{"quiet": true}}'))
from (select e.exception_id from ops.exceptions e where {where} order by e.exception_id) e
"""


def open_exception(
    conn: psycopg.Connection,
    rule: str,
    subject: str,
    *,
    detail: str,
    next_step: str,
    at: datetime,
    batch_id: int | None = None,
    about: About | None = None,
    units: int | None = None,
    evidence: Sequence[str] = (),
) -> None:
    """Open it, reopen the one of its period, or leave the one that stands.

    Args:
        conn: role loader, transformer or publisher.
        about: where it is; what nobody knows is left out.
        units: base units in question, of whatever sign.
        evidence: ``fact:<id>``, ``document:<id>``, ``correction:<id>``, ``trip:<id>``.
    """
    conn.execute(
        _OPEN,
        {
            "rule": rule, "subject": subject, "detail": detail[:DETAIL_MAX], "next_step": next_step, "at": at,
            "batch": batch_id, "about": Jsonb((about or About()).as_json()), "units": units,
            "evidence": list(evidence),
        },
    )  # fmt: skip


def open_from(
    conn: psycopg.Connection, found: str, values: Mapping[str, Any], *, at: datetime, batch_id: int | None = None
) -> int:
    """Open everything that the query ``found`` finds; how many were opened or reopened.

    Args:
        found: SQL of our own that gives ``rule, subject, detail, next_step, about jsonb, units bigint,
            evidence text[]``, one row a subject; its parameters are in ``values``.
    """
    query = _OPEN_FROM.format(found=found, most=DETAIL_MAX)
    row = conn.execute(query.encode(), {**values, "at": at, "batch": batch_id}).fetchone()
    assert row is not None
    return int(row[0])


def is_standing(conn: psycopg.Connection, rule: str, subject: str) -> bool:
    """Whether one is there that is not resolved."""
    query = "select exists (select from ops.exceptions where rule = %s and subject = %s and state <> 'resolved')"
    return conn.execute(query, (rule, subject)).fetchone() == (True,)


def resolve_exception(conn: psycopg.Connection, rule: str, subject: str, *, at: datetime) -> None:
    """Close it if it stands."""
    resolve_exceptions(conn, [(rule, subject)], at=at)


def resolve_exceptions(conn: psycopg.Connection, asked: Sequence[tuple[str, str]], *, at: datetime) -> None:
    """Close those of ``asked`` (rule, subject) that stand, in one statement."""
    if asked:
        close_gone(
            conn,
            "(e.rule, e.subject) in (select * from unnest(%(rules)s::text[], %(subjects)s::text[]))",
            {"rules": [rule for rule, _ in asked], "subjects": [subject for _, subject in asked]},
            at=at,
        )


def close_gone(conn: psycopg.Connection, where: str, values: Mapping[str, Any], *, at: datetime) -> int:
    """Close every exception ``e`` that stands and for which ``where`` (SQL of our own) holds; how many."""
    return _change_all(conn, f"e.state <> 'resolved' and ({where})", {**values, "at": at, "what": "resolved"})


def wake_snoozed(conn: psycopg.Connection, at: datetime) -> int:
    """Ask again about what was snoozed until ``at`` or before; how many."""
    return _change_all(conn, "e.state = 'snoozed' and e.snoozed_until <= %(at)s", {"at": at, "what": "woken"})


def _change_all(conn: psycopg.Connection, where: str, values: Mapping[str, Any]) -> int:
    row = conn.execute(_CHANGE_ALL.format(where=where).encode(), values).fetchone()
    assert row is not None
    return int(row[0])
