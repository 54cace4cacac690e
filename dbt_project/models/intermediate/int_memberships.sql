{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- For every counted movement: whether it lies inside k* of its key's base in force, and of its key's opening.

select
  m.fact_id,
  m.item, m.location, m.measure, m.key_lot,
  m.delta,
  b.fact_id as base_fact,
  coalesce(
    case when m.is_chain then m.ordinal <= bk.kstar_size else bs.side = 'in' or m.ordinal = any(bk.kstar_members) end, false
  ) as is_in_base,
  coalesce(
    case when m.is_chain then m.ordinal <= ok.kstar_size else os.side = 'in' or m.ordinal = any(ok.kstar_members) end, false
  ) as is_in_opening
from {{ ref('int_movements') }} as m
left join {{ ref('int_statements') }} as b
  on m.item = b.item and m.location = b.location and m.measure = b.measure and m.key_lot = b.key_lot and b.is_base
left join {{ ref('int_comparisons') }} as bk on b.fact_id = bk.fact_id
left join {{ ref('int_sides') }} as bs on b.fact_id = bs.statement and m.ordinal = bs.ordinal
left join {{ ref('int_statements') }} as o
  on m.item = o.item and m.location = o.location and m.measure = o.measure and m.key_lot = o.key_lot and o.is_opening
left join {{ ref('int_comparisons') }} as ok on o.fact_id = ok.fact_id
left join {{ ref('int_sides') }} as os on o.fact_id = os.statement and m.ordinal = os.ordinal
