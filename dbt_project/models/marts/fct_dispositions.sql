-- What became of the facts of each source.

select
  d.source,
  d.kind,
  d.disposition,
  d.reason,
  count(*) as facts,
  min(d.received_at) as first_received_at,
  max(d.received_at) as last_received_at
from {{ ref('int_dispositions') }} as d
group by d.source, d.kind, d.disposition, d.reason
