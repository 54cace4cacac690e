-- What a source's own order says is missing: numbers it never told, and movements that its balances know of.

with batch as (
  select as_of from {{ source('ops', 'current_batch') }}
)

select
  g.source,
  'numbers' as kind,
  null::text as item,
  null::text as location,
  null::text as measure,
  null::text as lot,
  g.first_no - 1 as after_sequence,
  g.last_no + 1 as before_sequence,
  g.last_no - g.first_no + 1 as missing_numbers,
  null::bigint as missing_units,
  g.noticed_at,
  g.due_at,
  coalesce(g.due_at <= b.as_of, false) as is_due
from {{ source('ops', 'sequence_gaps') }} as g
left join batch as b on true
where g.state = 'open'

union all

select
  g.source,
  'balance',
  g.item,
  g.location,
  g.measure,
  g.lot,
  g.after_sequence,
  g.before_sequence,
  null,
  g.missing,
  s.noticed_at,
  s.due_at,
  coalesce(s.due_at <= b.as_of, false)
from {{ ref('balance_gaps') }} as g
left join {{ source('ops', 'suspicions') }} as s
  on s.ended_at is null and s.rule = 'balance_gap'
  and s.subject = concat_ws('/', g.item, g.location, g.measure, nullif(g.lot, ''), g.source)
  || ' ' || g.after_sequence || '-' || g.before_sequence
left join batch as b on true
