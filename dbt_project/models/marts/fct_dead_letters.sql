-- Corrections that ended without effect for a reason to look at, what they followed, and whether they were computed anew.

select
  o.correction_id,
  o.target,
  o.item,
  o.location,
  o.wanted,
  o.shown,
  o.wanted - o.shown as delta,
  abs(o.wanted - o.shown) * coalesce(i.unit_value, 0) as value,
  case
    when o.reason like 'refused%' then 'refused'
    when o.reason like 'denied%' then 'denied'
    else 'unproven'
  end as cause,
  o.reason,
  o.tries,
  o.batch_id,
  o.fact_id,
  o.correlation_id,
  o.created_at,
  o.closed_at,
  r.redriven_at,
  r.redriven_by,
  r.why as redriven_because
from {{ source('ops', 'outbox') }} as o
left join {{ source('ops', 'current_items') }} as i on o.item = i.item
left join {{ source('ops', 'outbox_redrives') }} as r on o.correction_id = r.correction_id
where o.state = 'dead' and o.reason not in ('superseded', 'stale')
