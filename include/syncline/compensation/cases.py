"""What stands now that evidence may decide: read from exceptions, causes, reconciled books and transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

from syncline.compensation.model import ASK, Case, Rule
from syncline.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

_EXCEPTION = """e.rule as finding, e.subject, coalesce(e.reopened_at, e.opened_at) as since, e.exception_id, e.item,
  e.location, e.measure, coalesce(e.lot, '') as lot"""
_STANDS = "e.state in ('open', 'acknowledged', 'reopened')"

# The latest statement of the key, and why it differs. Of the base itself nothing is accepted: it is the number.
_DISCREPANCIES = f"""
select {_EXCEPTION}, null as target, e.source, null as event_key, coalesce(v.units, 0) as units, v.cause_class, v.cause,
  e.detail, coalesce(v.evidence, '{{}}') as evidence,
  case when v.fact_id is null then 'no statement of the key differs any more'
    when v.verdict = 'delay' then 'it may be only late'
    when v.disposition = 'applied' then 'the statement is the number itself: who owns the stock says it'
    when not v.is_decided then 'how much it is off is not sure' end as fault
from ops.exceptions e
left join lateral (
  select l.fact_id, l.verdict, d.disposition, c.is_decided, c.variance as units, c.cause_class, c.cause,
    array['fact:' || l.fact_id]
      || coalesce((select array_agg('fact:' || x order by n) from unnest(c.evidence) with ordinality as o (x, n)),
        '{{}}') as evidence
  from (
    select * from canonical.verdicts x
    where (x.item, x.location, x.measure, x.lot) = (e.item, e.location, e.measure, coalesce(e.lot, ''))
    order by x.reported_from desc, x.reported_to desc, x.fact_id desc limit 1
  ) l
  join causes c on c.fact_id = l.fact_id
  left join intermediate.int_dispositions d on d.fact_id = l.fact_id
  where l.verdict in ('discrepancy', 'delay')
) v on true
where e.rule = 'discrepancy' and {_STANDS} and e.item is not null
"""
# The books beside canonical and the floor, in the newest comparison of the location. A correction of ours that is on
# its way, or held, would say the same once more.
_BOOKS = f"""
with newest as (
  select distinct on (r.location) r.run_id, r.location, (
      select s ->> 'source' from jsonb_array_elements(r.compared -> 'sides') s
      where s ->> 'system' = 'erp' and (s ->> 'is_proven')::boolean limit 1) as target
  from ops.reconciliations r where r.compared is not null order by r.location, r.run_id desc
)
select {_EXCEPTION}, n.target, n.target as source, null as event_key, coalesce(-w.off, 0)::bigint as units,
  null as cause_class, null as cause, e.detail, array['run:' || n.run_id] as evidence,
  case when n.target is null then 'the books were not proven whole'
    when w.off is null then 'the newest comparison finds the books right'
    when w.off <> trunc(w.off) then 'the books hold a part of a unit'
    when w.verdict <> 'discrepancy' then 'the newest comparison says ' || w.verdict
    when not coalesce('canonical' = any(w.majority) and w.majority && '{{wms,3pl}}', false)
      then 'no warehouse says our number too'
    when o.correction_id is not null then 'correction ' || o.correction_id || ' is ' || o.state end as fault
from ops.exceptions e
left join newest n on n.location = e.location
left join lateral (
  select x.variance as off, x.verdict, x.majority from ops.reconciliation_rows x
  where (x.run_id, x.item, x.measure, x.lot) = (n.run_id, e.item, 'financial', coalesce(e.lot, ''))
    and x.pair = 'erp~canonical'
) w on true
left join lateral (
  select q.correction_id, q.state from ops.outbox q
  where (q.target, q.item, q.location) = (n.target, e.item, e.location)
    and q.state in ('pending', 'held', 'sent', 'unknown', 'rejected') order by q.correction_id limit 1
) o on true
where e.rule = 'books.variance' and {_STANDS}
"""
# What left, came in part, and is due no more.
_TRANSFERS = """
select 'transfer_short' as finding, t.event_key || '/' || t.item as subject, t.due_at as since,
  null::bigint as exception_id, t.item, t.to_location as location, 'in_transit' as measure, '' as lot,
  null as target, null as source, t.event_key,
  -t.in_transit as units, null as cause_class, null as cause,
  t.shipped || ' left ' || t.from_location || ', ' || t.received || ' came to ' || t.to_location || ', due '
    || to_char(t.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as detail,
  array['event:' || t.event_key] as evidence,
  case when b.quantity is null then 'nobody tells what is in transit to ' || t.to_location
    when b.quantity < t.in_transit or b.is_ambiguous then 'only ' || b.quantity || ' are sure to be in transit' end
    as fault
from marts.fct_transfers t
left join canonical.balances b on (b.item, b.location, b.measure, b.lot) = (t.item, t.to_location, 'in_transit', '')
where t.state = 'short' and t.is_overdue
"""
# Whatever names a source can be asked about. Nothing is decided by it, so nothing must be proven.
_ASKED = f"""
select {_EXCEPTION}, e.target, e.source, null as event_key, coalesce(e.impact_units, 0) as units, null as cause_class,
  null as cause, e.detail,
  coalesce((select array_agg(v.kind || ':' || v.ref order by v.kind, v.ref) from ops.exception_evidence v
    where v.exception_id = e.exception_id), '{{}}') as evidence,
  case when e.source is null then 'it names no partner' end as fault
from ops.exceptions e
where e.rule = any(%(asked)s) and e.rule <> all(%(decided)s) and {_STANDS}
"""
_FINDERS = {"discrepancy": _DISCREPANCIES, "books.variance": _BOOKS, "transfer_short": _TRANSFERS}
_CASE = """
select f.*, i.item_class, (abs(f.units) * coalesce(i.unit_value, 0))::bigint as value
from ({found}) f left join ops.current_items i on i.item = f.item
where f.since <= %(now)s
"""
# Read once, and only when somebody waits for it: the mart is a view over all statements.
_CAUSES = """
create temporary table causes on commit drop as select * from marts.fct_variance_causes
where exists (select from ops.exceptions where rule = 'discrepancy' and state <> 'resolved')
"""
# Where one of these stands, the numbers are not to be trusted: people first.
_BLOCKED = """
select coalesce(e.location, '*'), e.rule from ops.exceptions e
where e.state <> 'resolved' and e.rule in ('snapshot.flood', 'gate.critical')
union all
select coalesce(l.location, '*'), 'breaker ' || t.trip_id
from ops.breaker_trips t left join unnest(t.locations) as l (location) on true where t.state = 'open'
order by 1, 2
"""


class MartsMissing(RetryableError):
    """What says why numbers differ is not built yet, or is being built anew."""


def find_cases(conn: psycopg.Connection, rules: Collection[Rule], now: datetime) -> list[Case]:
    """Every finding that some rule of ``rules`` could answer; inside the caller's transaction.

    Raises:
        MartsMissing: nothing can be decided yet.
    """
    named = {rule.finding for rule in rules if rule.mode != "off"}
    asked = {rule.finding for rule in rules if rule.mode != "off" and rule.action == ASK}
    found = [query for name, query in _FINDERS.items() if name in named]
    found += [_ASKED] if asked - _FINDERS.keys() else []
    values = {"now": now, "asked": sorted(asked), "decided": sorted(_FINDERS)}
    cases = []
    try:
        if "discrepancy" in named:
            conn.execute("drop table if exists pg_temp.causes")
            conn.execute(_CAUSES)
        with conn.cursor(row_factory=dict_row) as cursor:
            for query in found:
                for row in cursor.execute(_CASE.format(found=query).encode(), values):
                    cases.append(Case(**{**row, "evidence": tuple(row["evidence"])}))
    except psycopg.errors.UndefinedTable as error:
        raise MartsMissing(
            "The marts that say why numbers differ are not built yet.", next_step="Trigger the DAG marts, then again."
        ) from error
    return cases


def find_blocks(conn: psycopg.Connection) -> dict[str, str]:
    """Location -> what stands there and lets nothing be done by rule; ``*`` is everywhere."""
    blocks: dict[str, str] = {}
    for location, what in conn.execute(_BLOCKED).fetchall():
        blocks.setdefault(location, what)
    return blocks
