-- One row for each target and location: what waits, what ended how, and what its tries took.

with tries as (
  select
    o.target,
    o.location,
    count(*) as tries,
    count(*) filter (where a.outcome = 'not_executed') as not_executed,
    count(*) filter (where a.outcome is null or a.outcome = 'unknown') as without_proof,
    percentile_disc(0.5) within group (order by a.latency_ms) as latency_p50_ms,
    percentile_disc(0.95) within group (order by a.latency_ms) as latency_p95_ms
  from {{ source('ops', 'push_attempts') }} as a
  inner join {{ source('ops', 'outbox') }} as o on a.correction_id = o.correction_id
  group by o.target, o.location
),

corrections as (
  select
    target,
    location,
    count(*) filter (where state = 'pending') as pending,
    count(*) filter (where state = 'held' and reason <> 'shadow') as held,
    count(*) filter (where state = 'held' and reason = 'shadow') as in_shadow,
    count(*) filter (where state in ('sent', 'unknown')) as unproven,
    count(*) filter (where state = 'applied') as applied,
    count(*) filter (where state = 'dead' and reason like 'refused%') as refused,
    count(*) filter (where state = 'dead' and reason like 'denied%') as denied,
    count(*) filter (where state = 'dead' and reason = 'stale') as overtaken,
    count(*) filter (where state = 'dead' and reason = 'superseded') as superseded,
    max(closed_at) filter (where state = 'applied') as last_applied_at
  from {{ source('ops', 'outbox') }}
  group by target, location
)

select
  c.target,
  c.location,
  c.pending,
  c.held,
  c.in_shadow,
  c.unproven,
  c.applied,
  c.refused,
  c.denied,
  c.overtaken,
  c.superseded,
  c.last_applied_at,
  coalesce(t.tries, 0) as tries,
  coalesce(t.not_executed, 0) as not_executed,
  coalesce(t.without_proof, 0) as without_proof,
  t.latency_p50_ms,
  t.latency_p95_ms
from corrections as c
left join tries as t on c.target = t.target and c.location = t.location
