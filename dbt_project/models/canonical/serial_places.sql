{{ config(materialized='view') }}

-- Where each serial is: a lot of one unit is in one place at a time (semantics §12).

with serials as (
  select b.item, b.lot as serial, b.location, b.quantity
  from {{ ref('balances') }} as b
  inner join {{ source('ops', 'current_items') }} as i on b.item = i.item
  cross join {{ source('ops', 'current_batch') }} as c
  where b.measure = 'on_hand' and b.lot <> ''
    and {{ grain_at('b.measure', 'b.location', 'i.item_class', 'c.as_of') }} = 'serial'
)

select
  item,
  serial,
  case
    when bool_and(quantity in (0, 1)) and sum(quantity) = 1 then 'placed'
    when bool_and(quantity = 0) then 'absent'
    else 'disputed'
  end as state,
  coalesce(array_agg(location order by {{ by_bytes('location') }}) filter (where quantity > 0), '{}') as places,
  array_agg(location order by {{ by_bytes('location') }}) as locations
from serials
group by item, serial
