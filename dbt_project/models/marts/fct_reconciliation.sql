-- What the newest full-state comparison of each location found that does not agree.

with newest as (
  select distinct on (r.location)
    r.run_id,
    r.as_of
  from {{ source('ops', 'reconciliations') }} as r
  where r.compared is not null
  order by r.location asc, r.run_id desc
)

select
  n.run_id,
  n.as_of,
  w.location,
  w.item,
  w.measure,
  w.lot,
  w.pair,
  w.said,
  w.beside,
  w.variance,
  w.variance * w.unit_value as variance_value,
  w.verdict,
  w.reason,
  w.majority,
  w.rule,
  w.criticality,
  w.explained_by,
  w.due_at,
  w.is_open,
  w.since
from newest as n
inner join {{ source('ops', 'reconciliation_rows') }} as w on n.run_id = w.run_id
where w.verdict <> 'match'
