-- One row for each source and target: is it alive, how far behind, and what waits for a person.

with batch as (
  select as_of from {{ source('ops', 'current_batch') }}
),

-- A source that was never heard counts from the first look at it.
bounds as (
  select
    source, staleness_s, last_seen_at, checked_at,
    floor(extract(epoch from checked_at - greatest(last_seen_at, watched_since)))::bigint as silent_s
  from {{ source('ops', 'source_bounds') }}
),

loads as (
  select source, max(received_at) as last_load_at, count(*) as loads, sum(facts)::bigint as facts
  from {{ source('raw', 'loads') }}
  group by source
),

waiting as (
  select l.source, count(*) as loads_waiting
  from {{ source('raw', 'loads') }} as l
  left join {{ source('ops', 'batch_loads') }} as b on l.load_id = b.load_id
  where b.load_id is null
  group by l.source
),

facts as (
  select
    source,
    sum(facts) filter (where disposition = 'quarantined')::bigint as quarantined,
    sum(facts) filter (where disposition = 'conflict')::bigint as conflicts,
    sum(facts) filter (where disposition = 'contradicted')::bigint as contradicted
  from {{ ref('fct_dispositions') }}
  group by source
),

gaps as (
  select g.source, count(*) as gaps
  from {{ ref('fct_sequence_gaps') }} as g
  where g.is_due
  group by g.source
),

corrections as (
  select
    target,
    count(*) filter (where state = 'pending') as pending,
    count(*) filter (where state = 'held') as held,
    count(*) filter (where state in ('sent', 'unknown')) as unproven,
    count(*) filter (where state = 'applied') as applied,
    count(*) filter (where state = 'dead') as dead,
    max(closed_at) filter (where state = 'applied') as last_applied_at
  from {{ source('ops', 'outbox') }}
  group by target
),

readings as (
  select target, max(read_at) as last_read_at from {{ source('ops', 'target_readings') }} group by target
)

select
  'source' as side,
  s.source as name,
  b.as_of,
  bound.last_seen_at,
  l.last_load_at,
  coalesce(l.loads, 0) as loads,
  coalesce(l.facts, 0) as facts,
  coalesce(w.loads_waiting, 0) as waiting,
  coalesce(f.quarantined, 0) as quarantined,
  coalesce(f.conflicts, 0) as conflicts,
  coalesce(f.contradicted, 0) as contradicted,
  null::bigint as held,
  null::bigint as unproven,
  null::bigint as dead,
  bound.staleness_s,
  bound.checked_at,
  bound.silent_s > bound.staleness_s as is_overdue,
  greatest(0, bound.silent_s - bound.staleness_s) as overdue_s,
  coalesce(g.gaps, 0) as gaps
from {{ source('ops', 'current_sources') }} as s
left join batch as b on true
left join bounds as bound on s.source = bound.source
left join loads as l on s.source = l.source
left join waiting as w on s.source = w.source
left join facts as f on s.source = f.source
left join gaps as g on s.source = g.source

union all

select
  'target',
  r.target,
  b.as_of,
  r.last_read_at,
  c.last_applied_at,
  coalesce(c.applied, 0),
  null,
  coalesce(c.pending, 0),
  null,
  null,
  null,
  coalesce(c.held, 0),
  coalesce(c.unproven, 0),
  coalesce(c.dead, 0),
  null,
  null,
  null,
  null,
  null
from readings as r
left join batch as b on true
left join corrections as c on r.target = c.target
