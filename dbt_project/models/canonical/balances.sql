-- depends_on: {{ ref('int_touched_cells') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_cells',
    unique_key=['item', 'location', 'measure', 'lot'],
    on_schema_change='fail',
    pre_hook='{{ hash_joins() }}',
) }}

-- The balance of every stock key with its bounds (semantics §5).

with sums as (
  select item, location, measure, key_lot, delta
  from {{ ref('int_movements') }}
  union all
  select item, location, measure, key_lot, total
  from {{ ref('int_anchors') }}
),

totals as (
  select item, location, measure, key_lot, sum(delta)::bigint as total
  from sums
  group by item, location, measure, key_lot
),

keys as (
  select item, location, measure, key_lot from totals
  union
  select item, location, measure, key_lot from {{ ref('int_statements') }} where is_applied
),

bases as (
  select s.*, c.kstar_total as inside
  from {{ ref('int_statements') }} as s
  inner join {{ ref('int_comparisons') }} as c on s.fact_id = c.fact_id
  where s.is_base
),

-- The base and every applied balance that is not provably before it, over all their positions: what the report says
-- beyond the movements it holds, and what uncertain movements outside may add to their booked amounts (ADR 0013).
witnesses as (
  select
    b.item, b.location, b.measure, b.key_lot,
    min(
      r.report - case when p.is_capped then p.total_in + p.open_up else p.total end + coalesce(h.outside_least, 0)
    ) as slack_lo,
    max(
      r.report - case when p.is_capped then p.total_in + p.open_down else p.total end + coalesce(h.outside_most, 0)
    ) as slack_hi
  from bases as b
  inner join {{ ref('int_statements') }} as a
    on b.item = a.item and b.location = a.location and b.measure = a.measure and b.key_lot = a.key_lot
    and a.is_applied and (b.fact_id = a.fact_id or not {{ provably_before('a', 'b') }})
  inner join {{ ref('int_positions') }} as p on a.fact_id = p.statement
  left join {{ ref('int_shifts') }} as h
    on p.statement = h.statement and p.size = h.size and p.members is not distinct from h.members
  cross join lateral unnest(a.quantities) as r (report)
  where not b.is_anchor
  group by b.item, b.location, b.measure, b.key_lot
  union all
  select
    a.item, a.location, a.measure, a.key_lot,
    a.slack_lo + coalesce(h.outside_least, 0), a.slack_hi + coalesce(h.outside_most, 0)
  from bases as b
  inner join {{ ref('int_anchors') }} as a on b.fact_id = a.fact_id
  left join {{ ref('int_shifts') }} as h on a.fact_id = h.statement
)

select
  k.item,
  k.location,
  k.measure,
  k.key_lot as lot,
  (coalesce(b.quantity, 0) + coalesce(t.total, 0) - coalesce(b.inside, 0))::bigint as quantity,
  (w.slack_lo + coalesce(t.total, 0))::bigint as quantity_lo,
  (w.slack_hi + coalesce(t.total, 0))::bigint as quantity_hi,
  (b.fact_id is null or w.slack_lo <> w.slack_hi) as is_ambiguous,
  b.fact_id as base_fact,
  b.rec_from as base_from,
  b.rec_to as base_to,
  {{ current_batch_id() }} as batch_id
from keys as k
left join totals as t on k.item = t.item and k.location = t.location and k.measure = t.measure and k.key_lot = t.key_lot
left join bases as b on k.item = b.item and k.location = b.location and k.measure = b.measure and k.key_lot = b.key_lot
left join witnesses as w on k.item = w.item and k.location = w.location and k.measure = w.measure and k.key_lot = w.key_lot
