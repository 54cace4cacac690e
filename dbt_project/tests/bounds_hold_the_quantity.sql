{{ config(tags=['resolve']) }}

-- The quantity is one of the results its bounds span; without a base there are no bounds and no certainty (semantics §5).

select b.item, b.location, b.measure, b.lot, b.quantity, b.quantity_lo, b.quantity_hi, b.base_fact
from {{ ref('int_touched_cells') }} as c
{% if is_rebuild() -%}
inner join {{ ref('balances') }} as b on c.item = b.item and c.location = b.location and c.measure = b.measure
{%- else -%}
cross join lateral {{ found(ref('balances'), ['item', 'location', 'measure'], 'c') }} as b
{%- endif %}
where case
  when b.base_fact is null then b.quantity_lo is not null or b.quantity_hi is not null or not b.is_ambiguous
  else not coalesce(b.quantity between b.quantity_lo and b.quantity_hi, false)
    or b.is_ambiguous <> (b.quantity_lo <> b.quantity_hi)
end
