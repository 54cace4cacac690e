"""Exceptions that follow from resolved data: opened once per rule and subject, closed when their cause is gone."""

from __future__ import annotations

from datetime import datetime

import psycopg

# The causes that stand now. A subject names what a person must look at: a key, or what could not be mapped.
_CAUSES = """
create temporary table causes on commit drop as
select 'conflict' as rule, concat_ws('/', d.item, d.location, d.measure) as subject,
       'two bodies under one key: ' || string_agg(d.fact_id || ' against ' || coalesce(d.decided_by, '?'), ', ' order by d.fact_id) as detail,
       'Decide which telling holds; pushes of the key wait.' as next_step
from intermediate.int_dispositions d where d.disposition = 'conflict'
group by d.item, d.location, d.measure
union all
select 'discrepancy', concat_ws('/', v.item, v.location, v.measure),
       v.source || ' says ' || v.reported || ', off by ' || array_to_string(v.variances, ' or ') || ' (' || v.fact_id || ')',
       'Count the stock, or ask the source that is wrong.'
from (
  select distinct on (item, location, measure, lot) * from canonical.verdicts
  order by item, location, measure, lot, reported_from desc, reported_to desc, fact_id desc
) v where v.verdict = 'discrepancy'
union all
select 'quarantined: ' || f.quarantine_code,
       case f.quarantine_code
         when 'unknown_source' then f.source
         when 'unmapped_measure' then f.source || '/' || f.status_ref
         when 'unmapped_location' then f.source || '/' || f.location_ref
         when 'unmapped_item' then f.source || '/' || f.item_ref
         when 'unmapped_unit' then f.source || '/' || f.item_ref || '/' || coalesce(f.uom, 'no unit')
         else f.source || ' ' || f.document_id
       end,
       count(*) || ' facts wait, first at ' || min(f.position),
       case when f.quarantine_code like 'un%' then 'Add it to the crosswalk CSV, then: syncline config apply.'
         else 'Ask the source for a corrected record; see syncline quarantine list.' end
from staging.stg_facts f where f.quarantine_code is not null and not f.is_test
group by 1, 2, f.quarantine_code
"""

_RULES = "(rule in ('conflict', 'discrepancy') or rule like 'quarantined: %%')"


def sync_exceptions(conn: psycopg.Connection, batch_id: int, as_of: datetime) -> tuple[int, int]:
    """Open what has no open exception yet, close what has no cause any more; returns (opened, resolved)."""
    with conn.transaction():
        conn.execute(_CAUSES)
        opened = conn.execute(
            """
            insert into ops.exceptions (rule, subject, state, detail, next_step, batch_id, opened_at)
            select rule, subject, 'open', min(detail), min(next_step), %s, %s from causes group by rule, subject
            on conflict (rule, subject) where state = 'open' do nothing
            """,
            (batch_id, as_of),
        ).rowcount
        resolved = conn.execute(
            f"""
            update ops.exceptions e set state = 'resolved', resolved_at = %s
            where state = 'open' and {_RULES}
              and not exists (select from causes c where c.rule = e.rule and c.subject = e.subject)
            """,
            (as_of,),
        ).rowcount
    return opened, resolved
