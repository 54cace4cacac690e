"""Exceptions about documents that nothing is wrong with any more, now that they are read otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.exceptions import close_gone

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.rereading.plan import Plan

# `is_faulty` of the rule: a file that was refused may have lines kept out now, and the other way round.
_FILES = """
e.rule in ('file_refused', 'file_faults') and e.subject = any(%(subjects)s)
  and not exists (
    select from raw.documents d
    left join lateral (select r.status from ops.readings r
      where r.document_id = d.document_id and r.received_at = d.received_at order by r.load_id desc limit 1) r on true
    where d.source = %(source)s and d.name = split_part(e.subject, '/', 2)
      and coalesce(r.status, d.status) = case e.rule when 'file_refused' then 'quarantined' else 'partial' end)
"""
_CODES = """
e.rule = 'source_contract' and e.subject = any(%(subjects)s)
  and not exists (
    select from raw.facts f
    where f.source = %(source)s and f.fault_code = split_part(e.subject, '/', 2)
      and not exists (select from ops.readings n where n.document_id = f.document_id
                      and n.received_at = f.received_at and n.load_id > f.load_id))
"""
_VANISHED_CODES = "select distinct fault_code from raw.facts where fact_id = any(%s) and fault_code is not null"


def close_cured(conn: psycopg.Connection, plan: Plan, at: datetime) -> int:
    """Close what ``plan``, written in this transaction, leaves without a cause; returns how many."""
    source = plan.source.name
    values = {"source": source}
    if plan.reader.has_duplicates:
        subjects = sorted({f"{source}/{each.stored.name}" for each in plan.changed})
        return close_gone(conn, _FILES, values | {"subjects": subjects}, at=at)
    codes = conn.execute(_VANISHED_CODES, [sorted(plan.vanished)]).fetchall()
    if not codes:
        return 0
    subjects = [f"{source}/{code}" for (code,) in codes]
    return close_gone(conn, _CODES, values | {"subjects": subjects}, at=at)
