-- What targets in shadow mode would have been sent (ADR 0025): every correction that was ever held for it.

with recorded as (
  select correction_id, min(moved_at) as recorded_at
  from {{ source('ops', 'outbox_history') }}
  where reason = 'shadow'
  group by correction_id
)

select
  o.correction_id,
  o.target,
  o.item,
  o.location,
  o.wanted,
  o.shown,
  o.wanted - o.shown as delta,
  abs(o.wanted - o.shown) * coalesce(i.unit_value, 0) as value,
  abs(o.wanted - o.shown) > tolerance.units_max as is_above_tolerance,
  o.state = 'held' and o.reason = 'shadow' as waits,
  o.batch_id,
  o.fact_id,
  s.recorded_at
from recorded as s
inner join {{ source('ops', 'outbox') }} as o on s.correction_id = o.correction_id
left join {{ source('ops', 'current_items') }} as i on o.item = i.item
left join lateral (
  select t.units_max
  from {{ source('ops', 'current_tolerances') }} as t
  where t.target = o.target and t.item_class in (i.item_class, '*')
  order by t.item_class = '*'
  limit 1
) as tolerance on true
