{{ config(tags=['resolve']) }}

-- Σ ledger = balance, always (semantics §5): keys of the batch where they differ, or where one side has no row.

with booked as (
  select l.item, l.location, l.measure, l.lot, sum(l.quantity)::bigint as quantity
  from {{ ref('ledger') }} as l
  inner join {{ ref('int_touched_cells') }} as c on l.item = c.item and l.location = c.location and l.measure = c.measure
  group by l.item, l.location, l.measure, l.lot
),

standing as (
  select b.item, b.location, b.measure, b.lot, b.quantity
  from {{ ref('balances') }} as b
  inner join {{ ref('int_touched_cells') }} as c on b.item = c.item and b.location = c.location and b.measure = c.measure
)

select
  coalesce(s.item, k.item) as item,
  coalesce(s.location, k.location) as location,
  coalesce(s.measure, k.measure) as measure,
  coalesce(s.lot, k.lot) as lot,
  s.quantity as balance,
  k.quantity as ledger
from standing as s
full outer join booked as k on s.item = k.item and s.location = k.location and s.measure = k.measure and s.lot = k.lot
where s.quantity is distinct from k.quantity
