"""What stands now that a person must look at, as queries over what a batch resolved.

``CAUSES`` are exceptions at once. ``SUSPECTED`` are exceptions only when they still stand at the end of a window: what
is missing may be late. Both fill a temporary table for the cells of the batch; history is looked up by index.
"""

from __future__ import annotations

# A subject names what a person must look at: a key, or what could not be mapped. Quarantine is small, or somebody is
# already at work on it.
CAUSES = """
create temporary table causes on commit drop as
select 'conflict' as rule, concat_ws('/', d.item, d.location, d.measure) as subject,
       'two bodies under one key: '
         || string_agg(d.fact_id || ' against ' || coalesce(d.decided_by, '?'), ', ' order by d.fact_id) as detail,
       'Pushes of the key wait. Which telling holds? syncline decide keep <fact> --by <name> --why <reason> --dry-run'
         as next_step,
       jsonb_build_object('item', d.item, 'location', d.location, 'measure', d.measure) as about,
       -- What the tellings differ by; where they tell one quantity of two things, that.
       max(case when told.quantity is distinct from kept.quantity
                then abs(coalesce(told.quantity, 0) - coalesce(kept.quantity, 0)) else abs(told.quantity) end)::bigint
         as units,
       (array_agg('fact:' || d.fact_id order by d.fact_id) || array_agg('fact:' || d.decided_by order by d.decided_by))
         as evidence,
       true as is_new
from intermediate.int_touched_cells c
cross join lateral (
  select * from intermediate.int_dispositions x
  where (x.disposition, x.item, x.location, x.measure) = ('conflict', c.item, c.location, c.measure)
  offset 0
) d
left join staging.stg_facts told on told.fact_id = d.fact_id
left join staging.stg_facts kept on kept.fact_id = d.decided_by
where d.decision_id is null
group by d.item, d.location, d.measure
union all
select 'discrepancy', concat_ws('/', v.item, v.location, v.measure, nullif(v.lot, '')),
       v.source || ' says ' || v.reported || ', off by ' || array_to_string(v.variances, ' or ')
         || ' (' || v.fact_id || ')'
         || case when t.rule not in ('*/*/*/*', 'none') then ', tolerance ' || t.rule else '' end,
       case when v.verdict = 'delay' then 'Ask the owner of the stock for the movements that others told ('
         || array_to_string(v.explained_by, ', ') || '): it is overdue with them.'
         else 'Count the stock, or ask the source that is wrong. '
           || 'When the report is wrong: syncline decide accept <fact>.'
       end,
       jsonb_build_object('item', v.item, 'location', v.location, 'measure', v.measure, 'lot', nullif(v.lot, ''),
         'source', v.source),
       (select min(abs(x)) from unnest(v.variances) x)::bigint,
       (select array_agg('fact:' || x) from unnest(v.fact_id || coalesce(v.explained_by, '{}')) x),
       -- Above the tolerance it opens; what is open stays so down to the lower limit (ADR 0030).
       not t.is_small
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
) v
join ops.current_items k on k.item = v.item
cross join lateral (
  select bool_or(ops.is_within(off, v.reported - off, k.unit_value, r.open_units, r.open_permille,
    r.open_value)) as is_small,
    bool_or(ops.is_within(off, v.reported - off, k.unit_value, r.close_units, r.close_permille,
      r.close_value)) as is_closing,
    min(r.rule) as rule
  from ops.variance_rule(k.item_class, v.location, v.measure) r, unnest(v.variances) off
  offset 0
) t
where not t.is_closing and (v.verdict = 'discrepancy' or (v.verdict = 'delay'
  and v.due_at <= (select as_of from ops.current_batch)))
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
       'They count. If the item is sold again, change items.csv; if not: syncline decide accept --exception <number>.',
       jsonb_build_object('item', c.item, 'location', c.location, 'measure', c.measure),
       sum(abs(f.quantity))::bigint,
       (array_agg('fact:' || f.fact_id order by f.said_from, f.fact_id))[1:50],
       true
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
         else 'Ask the source for a corrected record; see syncline quarantine list.' end,
       jsonb_build_object('source', min(f.source)), null,
       (array_agg('fact:' || f.fact_id order by f.received_at, f.fact_id))[1:50], true
from intermediate.int_dispositions d join staging.stg_facts f using (fact_id)
-- What a reader kept out has no kind, and an exception of its file or kind of record already: a person is asked once.
where d.disposition = 'quarantined' and f.quarantine_code is not null and f.kind is not null
group by 1, 2, f.quarantine_code
"""

# A number below zero is evidence of something not told yet: what was taken must have come before (semantics §5). Its
# owner may tell late by its lag and its hold window. The movements named are those on top of the base that the batch
# thought about; at the end of the window it thinks about all of them.
SUSPECTED = """
create temporary table suspected on commit drop as
select 'missing_receipt' as rule, concat_ws('/', b.item, b.location, b.measure, nullif(b.lot, '')) as subject,
       b.item, b.location, b.measure,
       'the number is ' || b.quantity || coalesce(', taken by ' || m.movements, '') as detail,
       'Ask ' || coalesce(o.sources, 'the owner of the stock') || ' for the receipt that came before, or count the '
         || 'stock. Corrections of the key for the ERP wait, and flow when the number is 0 or more.' as next_step,
       jsonb_build_object('item', b.item, 'location', b.location, 'measure', b.measure, 'lot', nullif(b.lot, ''))
         as about,
       b.quantity::bigint as units, coalesce(m.evidence, '{}') as evidence,
       coalesce(o.wait_s, 3600) as wait_s
from intermediate.int_touched_cells c
cross join lateral (
  select * from canonical.balances x
  where (x.item, x.location, x.measure) = (c.item, c.location, c.measure) and x.quantity < 0
  offset 0
) b
left join lateral (
  select string_agg(l.told, '; ' order by l.rec_from desc, l.fact_id) as movements,
         array_agg('fact:' || l.fact_id order by l.rec_from desc, l.fact_id) as evidence
  from (
    select t.rec_from, t.fact_id, t.source || ' ' || t.event_key || ': ' || m.delta || ' at '
             || to_char(t.rec_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || ' (' || t.fact_id || ')' as told
    from intermediate.int_memberships m join intermediate.int_tellings t using (fact_id)
    where (m.item, m.location, m.measure, m.key_lot) = (b.item, b.location, b.measure, b.lot)
      and not m.is_in_base and m.delta < 0
    order by t.rec_from desc, t.fact_id limit 3
  ) l
) m on true
left join lateral (
  select string_agg(distinct r.source, ' or ' order by r.source) as sources, max(s.lag_s + s.hold_s) as wait_s
  from ops.current_items i
  join intermediate.int_roles r on (r.measure, r.location, r.item_class) = (b.measure, b.location, i.item_class)
    and r.role_rank = 3 and r.span_from <= %(as_of)s::timestamptz and r.span_to > %(as_of)s::timestamptz
  join ops.current_sources s on s.source = r.source
  where i.item = b.item
) o on true
where c.measure = 'on_hand'
union all
select 'balance_gap',
       concat_ws('/', g.item, g.location, g.measure, nullif(g.lot, ''), g.source) || ' '
         || g.after_sequence || '-' || g.before_sequence,
       g.item, g.location, g.measure,
       g.source || ' states ' || g.stated || ' with its number ' || g.before_sequence
         || ' where its own movements since ' || g.after_sequence || ' lead to ' || g.expected
         || ': ' || abs(g.missing) || ' units ' || case when g.missing > 0 then 'came in' else 'went out' end
         || ' untold (' || g.fact_id || ')',
       'Ask ' || g.source || ' for its events of the item between the two numbers.',
       jsonb_build_object('item', g.item, 'location', g.location, 'measure', g.measure, 'lot', nullif(g.lot, ''),
         'source', g.source),
       g.missing::bigint, array['fact:' || g.fact_id],
       s.lag_s + s.hold_s
from intermediate.int_touched_cells c
cross join lateral (
  select * from canonical.balance_gaps x
  where (x.item, x.location, x.measure) = (c.item, c.location, c.measure)
  offset 0
) g
join ops.current_sources s on s.source = g.source
"""
