-- What each source last said about a key against what Syncline holds true: where the numbers disagree, and by how much.

with latest as (
  select distinct on (v.item, v.location, v.measure, v.lot, v.source) v.*
  from {{ ref('verdicts') }} as v
  order by v.item asc, v.location asc, v.measure asc, v.lot asc, v.source asc, v.reported_from desc, v.reported_to desc, v.fact_id desc
)

select
  l.item,
  l.location,
  l.measure,
  l.lot,
  l.source,
  l.reported,
  l.reported_from,
  l.reported_to,
  b.quantity as canonical,
  b.quantity_lo as canonical_lo,
  b.quantity_hi as canonical_hi,
  l.verdict,
  l.is_decided,
  l.variances[1] as variance_least,
  l.variances[cardinality(l.variances)] as variance_greatest,
  d.disposition,
  l.fact_id
from latest as l
left join {{ ref('balances') }} as b
  on l.item = b.item and l.location = b.location and l.measure = b.measure and l.lot = b.lot
left join {{ ref('int_dispositions') }} as d on l.fact_id = d.fact_id
