"""Exceptions that follow from resolved data: opened once per rule and subject, closed when their cause is gone."""

from __future__ import annotations

from datetime import datetime

import psycopg

# The causes that stand now, for the cells of the batch; history is looked up by index. A subject names what a person
# must look at: a key, or what could not be mapped. Quarantine is small, or somebody is already at work on it.
_CAUSES = """
create temporary table causes on commit drop as
select 'conflict' as rule, concat_ws('/', d.item, d.location, d.measure) as subject,
       'two bodies under one key: '
         || string_agg(d.fact_id || ' against ' || coalesce(d.decided_by, '?'), ', ' order by d.fact_id) as detail,
       'Pushes of the key wait. Which telling holds? syncline decide keep <fact> --by <name> --why <reason> --dry-run'
         as next_step
from intermediate.int_touched_cells c
cross join lateral (
  select * from intermediate.int_dispositions x
  where (x.disposition, x.item, x.location, x.measure) = ('conflict', c.item, c.location, c.measure)
  offset 0
) d
where d.decision_id is null
group by d.item, d.location, d.measure
union all
select 'discrepancy', concat_ws('/', v.item, v.location, v.measure, nullif(v.lot, '')),
       v.source || ' says ' || v.reported || ', off by ' || array_to_string(v.variances, ' or ')
         || ' (' || v.fact_id || ')',
       case when v.verdict = 'delay' then 'Ask the owner of the stock for the movements that others told ('
         || array_to_string(v.explained_by, ', ') || '): it is overdue with them.'
         else 'Count the stock, or ask the source that is wrong. '
           || 'When the report is wrong: syncline decide accept <fact>.'
       end
from (
  select l.*
  from intermediate.int_touched_cells c
  cross join lateral (
    select distinct on (x.lot) x.*
    from canonical.verdicts x
    where (x.item, x.location, x.measure) = (c.item, c.location, c.measure)
      -- A cell with a checkpoint has one lot: its latest report is found by the index.
      and x.reported_from >= case when c.since = '-infinity' then c.since else (
        select max(y.reported_from) from canonical.verdicts y
        where (y.item, y.location, y.measure) = (c.item, c.location, c.measure)
      ) end
    order by x.lot, x.reported_from desc, x.reported_to desc, x.fact_id desc
  ) l
) v where (v.verdict = 'discrepancy' or (v.verdict = 'delay' and v.due_at <= (select as_of from ops.current_batch)))
  and not exists (select from ops.current_decisions a where a.kind = 'accept' and v.fact_id = any(a.answers))
  -- A site that tells balances only has nothing to explain a change with: its reports differ because stock moved.
  and (
    exists (select from intermediate.int_movements m
      where (m.item, m.location, m.measure, m.key_lot) = (v.item, v.location, v.measure, v.lot))
    or exists (select from intermediate.int_anchors a
      where (a.item, a.location, a.measure, a.key_lot) = (v.item, v.location, v.measure, v.lot) and a.movements > 0)
  )
union all
select 'discontinued_item_moved', concat_ws('/', c.item, c.location, c.measure),
       count(*) || ' movements since it was discontinued, first '
         || (array_agg(f.fact_id order by f.said_from, f.fact_id))[1],
       'They count. If the item is sold again, change items.csv; if not: syncline decide accept --exception <number>.'
from intermediate.int_touched_cells c
join ops.current_items i on i.item = c.item and i.discontinued_from < 'infinity'
cross join lateral (
  select * from staging.stg_facts x
  where (x.item, x.location, x.measure) = (c.item, c.location, c.measure)
    and x.said_from >= i.discontinued_from and x.kind = 'movement'
  offset 0
) f
join intermediate.int_dispositions d on d.fact_id = f.fact_id and d.disposition in ('applied', 'absorbed')
where not exists (select from ops.current_decisions a where a.kind = 'accept' and f.fact_id = any(a.answers))
group by c.item, c.location, c.measure
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
from intermediate.int_dispositions d join staging.stg_facts f using (fact_id)
where d.disposition = 'quarantined' and f.quarantine_code is not null
group by 1, 2, f.quarantine_code
"""

# A delay reaches nobody before its owner is overdue: then its key is thought about again.
_WAKE = """
insert into ops.key_triggers (item, location, measure, reason, due_at)
select distinct v.item, v.location, v.measure, 'delay', v.due_at
from intermediate.int_touched_cells c
cross join lateral (
  select * from canonical.verdicts x
  where (x.item, x.location, x.measure) = (c.item, c.location, c.measure) and x.reported_from >= c.since
  offset 0
) v
where v.verdict = 'delay' and v.due_at > (select as_of from ops.current_batch)
  and not exists (
    select from ops.key_triggers t
    where t.batch_id is null
      and (t.item, t.location, t.measure, t.reason, t.due_at) = (v.item, v.location, v.measure, 'delay', v.due_at)
  )
"""

_IS_LOOKED_AT = """
  (e.rule like 'quarantined: %%' or (e.rule in ('conflict', 'discrepancy', 'discontinued_item_moved') and exists (
    select from intermediate.int_touched_cells c
    where e.subject = concat_ws('/', c.item, c.location, c.measure)
       or starts_with(e.subject, concat_ws('/', c.item, c.location, c.measure) || '/'))))
"""


def sync_exceptions(conn: psycopg.Connection, batch_id: int, as_of: datetime) -> tuple[int, int]:
    """Open what has no open exception yet, close what has no cause any more; returns (opened, resolved)."""
    with conn.transaction():
        conn.execute(_CAUSES)
        conn.execute(_WAKE)
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
            where state = 'open' and {_IS_LOOKED_AT}
              and not exists (select from causes c where c.rule = e.rule and c.subject = e.subject)
            """,
            (as_of,),
        ).rowcount
    return opened, resolved
