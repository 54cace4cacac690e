{{ config(tags=['marts']) }}

-- Origin + transit + destination + written off = 0 (semantics §7.4, §14): what the ledger booked for the legs of a transfer, and what the
-- mart says is under way. Legs that an opening holds have no entry of their own and are left out.

select t.event_key, t.item, t.measure, t.in_transit, t.written_off, b.booked
from {{ ref('fct_transfers') }} as t
cross join lateral (
  select sum(l.quantity)::bigint as booked, bool_and(l.fact_id is not null) as is_whole
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  left join {{ ref('ledger') }} as l
    on f.item = l.item and f.location = l.location and f.measure = l.measure and f.fact_id = l.fact_id and l.entry = 'movement'
  where f.event_key = t.event_key and f.item = t.item and f.measure = t.measure and f.kind = 'movement'
    and d.disposition in ('applied', 'absorbed')
) as b
where b.is_whole and b.booked + t.in_transit + t.written_off <> 0
