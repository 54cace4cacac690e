-- depends_on: {{ ref('int_touched_cells') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_cells',
    unique_key=['item', 'location', 'measure', 'lot', 'fact_id'],
    meta={'begins': 'booked_from'},
    indexes=[{'columns': ['item', 'location', 'measure', 'booked_from']}],
    on_schema_change='fail',
    pre_hook='{{ hash_joins() }}',
) }}

-- Entries that add up to the balance, always (semantics §5).

with applied as (
  select
    s.*,
    c.kstar_total as inside
  from {{ ref('int_statements') }} as s
  inner join {{ ref('int_comparisons') }} as c on s.fact_id = c.fact_id
  where s.is_applied
),

booked as (
  select
    a.*,
    lag(a.quantity - a.inside) over book as quantity_before
  from applied as a
  window book as (partition by a.item, a.location, a.measure, a.key_lot order by a.is_base, a.ordinal)
)

select
  b.item,
  b.location,
  b.measure,
  b.key_lot as lot,
  b.fact_id,
  case when b.quantity_before is null then 'opening' else 'reconciling' end as entry,
  (case when b.quantity_before is null then b.quantity else b.quantity - b.inside - b.quantity_before end)::bigint as quantity,
  b.rec_from as booked_from,
  {{ current_batch_id() }} as batch_id
from booked as b
where not b.is_anchor

union all

select m.item, m.location, m.measure, m.key_lot, m.fact_id, 'movement', m.delta::bigint, t.rec_from, {{ current_batch_id() }}
from {{ ref('int_memberships') }} as m
inner join {{ ref('int_tellings') }} as t on m.fact_id = t.fact_id
where not m.is_in_opening or m.base_fact is null
