-- What waited or waits for a person: whose it is, how old, how late, what it is worth.

with batch as (
  select as_of from {{ source('ops', 'current_batch') }}
),

changes as (
  select
    exception_id,
    count(*) as changes,
    count(*) filter (where what = 'reopened') as reopenings,
    min(changed_at) filter (where what = 'acknowledged') as first_taken_at
  from {{ source('ops', 'exception_changes') }}
  group by exception_id
),

aged as (
  select
    e.exception_id,
    b.as_of,
    greatest(0, floor(extract(epoch from coalesce(e.resolved_at, b.as_of) - e.opened_at)))::bigint as age_s,
    coalesce(e.state not in ('resolved', 'snoozed') and e.due_at < b.as_of, false) as is_overdue
  from {{ source('ops', 'exceptions') }} as e
  left join batch as b on true
)

select
  e.exception_id,
  e.rule,
  e.subject,
  e.state,
  e.severity,
  e.team,
  e.owner,
  e.source,
  e.target,
  e.item,
  e.location,
  e.measure,
  e.lot,
  e.opened_at,
  e.reopened_at,
  c.first_taken_at,
  e.due_at,
  e.snoozed_until,
  e.resolved_at,
  e.resolution,
  e.asked,
  a.as_of,
  a.age_s,
  a.is_overdue,
  case when a.is_overdue then floor(extract(epoch from a.as_of - e.due_at))::bigint else 0 end as overdue_s,
  e.impact_units,
  e.impact_minor,
  e.orders,
  c.changes,
  c.reopenings,
  e.detail,
  e.next_step,
  e.action,
  e.batch_id
from {{ source('ops', 'exceptions') }} as e
inner join aged as a on e.exception_id = a.exception_id
inner join changes as c on e.exception_id = c.exception_id
