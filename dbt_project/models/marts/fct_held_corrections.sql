-- Corrections that wait for a person, each with its reason.

select
  o.correction_id,
  o.target,
  o.item,
  o.location,
  o.wanted,
  o.shown,
  o.wanted - o.shown as delta,
  o.reason,
  o.tries,
  o.batch_id,
  o.created_at
from {{ source('ops', 'outbox') }} as o
where o.state = 'held'
