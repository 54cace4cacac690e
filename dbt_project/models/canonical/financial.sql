{{ config(materialized='view') }}

-- What the books hold of an item at a location: what is there, less the goods of others (semantics §13).

select
  item,
  location,
  coalesce(sum(quantity) filter (where measure = 'on_hand'), 0)::bigint
  - coalesce(sum(quantity) filter (where measure = 'consigned'), 0)::bigint as quantity
from {{ ref('balances') }}
where measure in ('on_hand', 'consigned')
group by item, location
having bool_or(measure = 'on_hand')
