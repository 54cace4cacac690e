"""Exceptions as people look for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from syncline.exceptions.model import Change, Evidence, Kept

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

LIST_MAX = 1000
# What asks for somebody now comes first: late before due, then the gravest, the oldest; the number ends every tie.
_ORDER = """
order by (e.state <> 'resolved') desc, (e.state <> 'snoozed') desc,
         array_position(array['critical', 'high', 'normal', 'low'], e.severity), e.due_at, e.exception_id
"""
_SELECT = """
select e.exception_id, e.rule, e.subject, e.state, e.severity, e.team, e.owner, e.channel, e.detail, e.next_step,
       e.action, e.opened_at, e.reopened_at, e.due_at, e.snoozed_until, e.resolved_at, e.resolution, e.asked, e.source,
       e.target, e.item, e.location, e.measure, e.lot, e.impact_units, e.impact_minor, e.orders, e.batch_id, e.version,
       floor(extract(epoch from coalesce(e.resolved_at, %(now)s::timestamptz) - e.opened_at))::bigint as age_s,
       e.state not in ('resolved', 'snoozed') and e.due_at < %(now)s::timestamptz as is_overdue
from ops.exceptions e
"""


@dataclass(frozen=True)
class Filter:
    """Which exceptions; None asks nothing. Without ``states``: all that are not resolved."""

    states: tuple[str, ...] = ()
    rule: str | None = None
    team: str | None = None
    owner: str | None = None
    severity: str | None = None
    source: str | None = None
    target: str | None = None
    item: str | None = None
    location: str | None = None
    overdue: bool = False


def find(conn: psycopg.Connection, number: int, now: datetime) -> Kept | None:
    """The exception of that number; ``now`` is what its age is counted to."""
    with conn.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(
            (_SELECT + "where e.exception_id = %(number)s").encode(), {"number": number, "now": now}
        ).fetchone()


def search(conn: psycopg.Connection, wanted: Filter, now: datetime, limit: int = 100, skip: int = 0) -> list[Kept]:
    """Those that fit, what asks for somebody first."""
    values: dict[str, Any] = {
        "now": now,
        "limit": min(limit, LIST_MAX + 1),
        "skip": skip,
        "states": list(wanted.states),
    }
    where = ["e.state = any(%(states)s)" if wanted.states else "e.state <> 'resolved'"]
    for name in ("rule", "team", "owner", "severity", "source", "target", "item", "location"):
        value = getattr(wanted, name)
        if value is not None:
            where.append(f"e.{name} = %({name})s")
            values[name] = value
    if wanted.overdue:
        where.append("e.state not in ('resolved', 'snoozed') and e.due_at < %(now)s")
    query = f"{_SELECT} where {' and '.join(where)} {_ORDER} limit %(limit)s offset %(skip)s"
    with conn.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def changes(conn: psycopg.Connection, number: int) -> list[Change]:
    """Everything that happened to it, the first first."""
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            "select version, what, changed_at, changed_by, from_state, to_state, note, details, request_id "
            "from ops.exception_changes where exception_id = %s order by version",
            (number,),
        ).fetchall()


def evidence(conn: psycopg.Connection, number: int) -> list[Evidence]:
    """What it rests on, with the document that holds the bytes."""
    with conn.cursor(row_factory=class_row(Evidence)) as cursor:
        return cursor.execute(
            """
            select v.kind, v.ref, v.linked_at, coalesce(d.source, f.source) as source,
                   coalesce(d.document_id, f.document_id) as document_id, d.name as document, f.position
            from ops.exception_evidence v
            left join lateral (
              select x.source, x.document_id, x.received_at, x.position from raw.facts x
              where v.kind = 'fact' and x.fact_id = v.ref
              order by x.received_at, x.document_id, x.position, x.load_id limit 1) f on true
            left join lateral (
              select x.source, x.document_id, x.name from raw.documents x
              where x.document_id = case v.kind when 'document' then v.ref else f.document_id end
              order by x.received_at, x.load_id limit 1) d on true
            where v.exception_id = %s order by v.kind, v.linked_at, v.ref collate "C"
            """,
            (number,),
        ).fetchall()
