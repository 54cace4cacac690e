{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- Movements told by sources that do not own the key, which its owner may still be about to post: evidence that may
-- explain a discrepancy (semantics §6, `delay`; ADR 0013). Only where the owner declares a lag.

with owners as (
  select r.measure, r.location, r.item_class, r.span_from, r.span_to, max(s.lag_s) * interval '1 second' as lag
  from {{ ref('int_roles') }} as r
  inner join {{ source('ops', 'current_sources') }} as s on r.source = s.source
  where r.role_rank = 3
  group by r.measure, r.location, r.item_class, r.span_from, r.span_to
  having max(s.lag_s) > 0
),

places as (
  select distinct measure, location, item_class
  from owners
),

evidence as (
  select t.*
  from {{ ref('int_tellings') }} as t
  inner join places as p on t.measure = p.measure and t.location = p.location and t.item_class = p.item_class
  where t.is_in_scope and t.kind = 'movement' and t.disposition = 'not_owner'
),

-- Of an event one source is heard, as if its movements counted: the best role, then the first received.
speakers as (
  select distinct on (e.event_key, e.item, e.location, e.measure, e.key_lot)
    e.event_key, e.item, e.location, e.measure, e.key_lot, e.source
  from evidence as e
  order by
    e.event_key asc, e.item asc, e.location asc, e.measure asc, e.key_lot asc,
    e.role_rank desc, {{ kept_order('e') }}
),

tellings as (
  select distinct on (e.event_key, e.item, e.location, e.measure, e.key_lot, e.revision) e.*
  from evidence as e
  inner join speakers as s
    on e.event_key = s.event_key and e.item = s.item and e.location = s.location and e.measure = s.measure
    and e.key_lot = s.key_lot and e.source = s.source
  order by
    e.event_key asc, e.item asc, e.location asc, e.measure asc, e.key_lot asc, e.revision asc, {{ kept_order('e') }}
),

-- A revision adds the difference at its own time. An event belongs to the document that told it first: what stands
-- before the first slash of its line key.
told as (
  select
    t.*,
    t.quantity - lag(t.quantity, 1, 0::bigint) over event as amount,
    split_part(first_value(t.line_key) over event, '/', 1) as document
  from tellings as t
  window event as (partition by t.event_key, t.item, t.location, t.measure, t.key_lot order by t.revision)
),

counted as (
  select distinct event_key, location, measure
  from {{ ref('int_tellings') }}
  where delta is not null
)

select
  t.fact_id,
  t.item, t.location, t.measure, t.key_lot,
  t.source,
  t.kind,
  t.line_key,
  t.event_key,
  t.document,
  t.revision,
  t.sequence,
  t.rec_from,
  t.rec_to,
  t.window_from,
  t.window_to,
  t.amount as delta,
  t.window_to + o.lag as due_at,
  c.event_key is not null as is_settled
from told as t
inner join owners as o
  on t.measure = o.measure and t.location = o.location and t.item_class = o.item_class
  and t.rec_from >= o.span_from and t.rec_from < o.span_to
left join counted as c on t.event_key = c.event_key and t.location = c.location and t.measure = c.measure
