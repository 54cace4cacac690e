"""Where the thread of a mart's row begins: the facts, documents and corrections that the row is made of.

``<mart>:<key>``, or ``<mart>:<key>|<key>…`` where a row has several; an empty part is null. The newest of a row that
counts many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg

from syncline.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Thread(NamedTuple):
    """``key``: the columns that name a row. ``query``: (kind, ref) of what it is made of, the newest first."""

    key: tuple[str, ...]
    query: str


class Refs(NamedTuple):
    """Ids, each list without doubles."""

    facts: list[str]
    documents: list[str]
    corrections: list[str]


# Has no facts under it: it is the list of rules.
RULES_ONLY = {"dim_cause_rules"}
_CORRECTION = Thread(("correction_id",), "select 'correction', %(correction_id)s")
# A loop's subject is a release, a transfer, an event, a return, a count's line, or a shipment, whose lines are events.
_LOOP = """
select 'fact', f.fact_id
from marts.fct_loops l join staging.stg_facts f
  on f.event_key = l.subject or f.serves = l.subject or l.kind = 'cycle_count' and f.line_key = l.subject
  or l.kind in ('receipt_short', 'receipt_over') and starts_with(f.event_key, l.subject || '/')
where l.loop_id = %(loop_id)s
group by f.fact_id, f.received_at order by f.received_at desc, f.fact_id
"""
THREADS: Mapping[str, Thread] = {
    "fct_variances": Thread(
        ("fact_id",),
        "select 'fact', x from canonical.verdicts v, unnest(array[v.fact_id, v.compared_to] || v.explained_by) x "
        "where v.fact_id = %(fact_id)s and x is not null",
    ),
    "fct_variance_causes": Thread(
        ("fact_id",),
        "select 'fact', x from marts.fct_variance_causes v, unnest(array[v.fact_id, v.compared_to] || v.evidence) x "
        "where v.fact_id = %(fact_id)s and x is not null union all "
        "select 'document', document_id from marts.fct_variance_causes where fact_id = %(fact_id)s",
    ),
    "fct_reconciliation": Thread(
        ("run_id", "item", "location", "measure", "lot", "pair"),
        """
        with asked as (
          select w.* from ops.reconciliation_rows w
          where (w.run_id::text, w.item, w.location, w.measure, w.lot, w.pair)
            = (%(run_id)s, %(item)s, %(location)s, %(measure)s, %(lot)s, %(pair)s)
        )
        select case when exists (select from ops.outbox where correction_id = x) then 'correction' else 'fact' end, x
        from asked, unnest(explained_by) x
        union all
        select 'document', d from asked a join ops.reconciliations r using (run_id),
          jsonb_array_elements(r.compared -> 'sides') s join raw.snapshots n on n.snapshot_id = s ->> 'snapshot_id',
          unnest(n.document_ids) d where s ->> 'system' = any(string_to_array(a.pair, '~'))
        union all
        select 'fact', b.base_fact from asked a join canonical.balances b
          on (b.item, b.location, b.lot) = (a.item, a.location, a.lot)
          and b.measure = case a.measure when 'financial' then 'on_hand' else a.measure end
        where a.pair like '%%canonical'
        """,
    ),
    "fct_dispositions": Thread(
        ("source", "kind", "disposition", "reason"),
        "select 'fact', fact_id from intermediate.int_dispositions where source = %(source)s "
        "and coalesce(kind, '') = %(kind)s and disposition = %(disposition)s and coalesce(reason, '') = %(reason)s "
        "order by received_at desc, fact_id",
    ),
    "fct_quarantine": Thread(("fact_id",), "select 'fact', %(fact_id)s"),
    "fct_dead_letters": _CORRECTION,
    "fct_held_corrections": _CORRECTION,
    "fct_shadow_corrections": _CORRECTION,
    "push_health": Thread(
        ("target", "location"),
        "select 'correction', correction_id from ops.outbox where (target, location) = (%(target)s, %(location)s) "
        "order by changed_at desc, correction_id",
    ),
    "sync_health": Thread(
        ("side", "name"),
        "(select 'document', document_id from raw.documents where source = %(name)s and %(side)s = 'source' "
        "order by received_at desc, document_id) union all (select 'correction', correction_id from ops.outbox "
        "where target = %(name)s and %(side)s = 'target' order by changed_at desc, correction_id)",
    ),
    "fct_transfers": Thread(
        ("event_key", "item", "measure"),
        "select 'fact', f.fact_id from staging.stg_facts f where (f.event_key, f.item) = (%(event_key)s, %(item)s) "
        "and f.measure in (%(measure)s, 'in_transit') order by f.received_at desc, f.fact_id",
    ),
    "fct_release_servings": Thread(
        ("release", "location", "event_key"),
        "select 'fact', f.fact_id from staging.stg_facts f where f.location = %(location)s "
        "and (f.event_key = %(event_key)s or (f.event_key = %(release)s and f.measure = 'provisional')) "
        "order by f.received_at desc, f.fact_id",
    ),
    "fct_loops": Thread(("loop_id",), _LOOP),
    "fct_loop_notices": Thread(("loop_id", "notice"), _LOOP),
    "fct_return_lines": Thread(
        ("return_key", "item", "location"),
        "select 'fact', f.fact_id from staging.stg_facts f where (f.serves, f.item, f.location) "
        "= (%(return_key)s, %(item)s, %(location)s) order by f.received_at desc, f.fact_id",
    ),
    "fct_order_impact": Thread(
        ("order_line", "item", "location"),
        "select 'fact', f.fact_id from staging.stg_facts f where f.location = %(location)s "
        "and (f.event_key = %(order_line)s and f.measure = 'provisional' or f.serves = %(order_line)s) union all "
        "select 'fact', variance_fact_id from marts.fct_order_impact where (order_line, item, location) "
        "= (%(order_line)s, %(item)s, %(location)s) and variance_fact_id is not null",
    ),
    "fct_sequence_gaps": Thread(
        ("source", "after_sequence", "before_sequence"),
        "select 'fact', f.fact_id from staging.stg_facts f where f.source = %(source)s "
        "and f.sequence::text in (%(after_sequence)s, %(before_sequence)s) order by f.sequence, f.fact_id",
    ),
    "fct_exceptions": Thread(
        ("exception_id",),
        "select kind, ref from ops.exception_evidence where exception_id::text = %(exception_id)s "
        "and kind in ('fact', 'document', 'correction') order by kind, ref",
    ),
    "fct_partner_scorecard": Thread(
        ("source", "feed", "day"),
        "select 'document', d.document_id from raw.documents d left join ops.current_speakers s on s.source = d.source "
        "where (d.source, d.feed) = (%(source)s, %(feed)s) "
        "and (d.received_at at time zone coalesce(s.timezone, 'UTC'))::date::text = %(day)s "
        "order by d.received_at desc, d.document_id",
    ),
}  # fmt: skip


def refs_of(conn: psycopg.Connection, asked: str, limit: int) -> Refs | None:
    """What the mart's row ``asked`` is made of; None when ``asked`` names no mart.

    Raises:
        TerminalError: the key has another number of parts, the mart is not built yet, or there is no such row.
    """
    mart, colon, said = asked.partition(":")
    thread = THREADS.get(mart)
    if not colon or thread is None:
        return None
    parts = said.split("|")
    if len(parts) != len(thread.key):
        raise TerminalError(
            f"A row of {mart} is named by {' | '.join(thread.key)}, not by {len(parts)} parts.",
            next_step=f"Give '{mart}:{'|'.join(f'<{name}>' for name in thread.key)}'.",
        )
    query = f"select distinct kind, ref from (select * from ({thread.query}) q (kind, ref) limit %(limit)s) r"
    values = {**dict(zip(thread.key, parts, strict=True)), "limit": limit}
    try:
        rows = conn.execute(query.encode(), values).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise TerminalError(f"{mart} is not built yet.", next_step="Trigger the DAG marts, then again.") from None
    if not rows:
        raise TerminalError(
            f"Nothing is under a row of {mart} with {' | '.join(thread.key)} = {said[:200]!r}.",
            next_step=f"Look at marts.{mart}; a null is an empty part.",
        )
    return Refs(*(sorted(ref for kind, ref in rows if kind == each) for each in ("fact", "document", "correction")))
