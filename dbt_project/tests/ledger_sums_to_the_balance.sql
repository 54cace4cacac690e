{{ config(tags=['resolve']) }}

-- Σ ledger = balance, always (semantics §5): keys of the batch where they differ, or where one side has no row.

with entries as (
  select l.item, l.location, l.measure, l.lot, l.quantity
  from {{ ref('int_touched_cells') }} as c
  cross join lateral {{ since('ledger', 'booked_from') }} as l
  union all
  select a.item, a.location, a.measure, a.key_lot, a.ledger_total
  from {{ ref('int_anchors') }} as a
),

booked as (
  select item, location, measure, lot, sum(quantity)::bigint as quantity
  from entries
  group by item, location, measure, lot
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
