-- Transfers between sites: an event that one site tells as leaving and another as arriving, of one item and measure
-- (semantics §1). What left and did not arrive is in transit. Several measures of one site are no transfer; neither is a
-- shipment from two sites, nor a leg of 0, which says nothing of a direction. What a person writes off under way is no leg;
-- what should be there by now is overdue (semantics §14). The opposite of a write-off belongs to the event of that one.

with counted as (
  select
    case when f.source = {{ operator() }} then coalesce(o.event_key, f.event_key) else f.event_key end as event_key,
    f.item, f.measure, f.location, f.revision, f.said_from, f.due_at,
    coalesce(f.source = {{ operator() }} and f.measure = 'in_transit', false) as is_write_off,
    case when f.cancel then 0 else f.quantity end as stated
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  left join {{ source('ops', 'current_decisions') }} as r on f.line_key = r.decision_id and r.kind = 'write_off'
  left join {{ source('ops', 'current_decisions') }} as o on r.withdraws = o.decision_id
  where f.kind = 'movement' and f.measure in ('on_hand', 'damaged', 'quarantined', 'consigned', 'in_transit')
    and d.disposition in ('applied', 'absorbed')
),

-- The differences that revisions book add up to what the last of them says; the first that is not 0 gives the direction.
legs as (
  select
    event_key, item, measure, location,
    sign((array_agg(stated order by revision) filter (where stated <> 0))[1])::integer as direction,
    (array_agg(stated order by revision desc))[1] as stated,
    (array_agg(said_from order by revision))[1] as said_from,
    (array_agg(due_at order by revision desc))[1] as due_at
  from counted
  where not is_write_off
  group by event_key, item, measure, location
),

written_off as (
  select event_key, item, -sum(stated)::bigint as quantity
  from counted
  where is_write_off
  group by event_key, item
),

-- A source may tell what is under way before it arrives: then the other end is known though nothing was received.
ends as (
  select
    l.event_key, l.item,
    case when l.measure = 'in_transit' then 'on_hand' else l.measure end as measure,
    string_agg(l.location, ', ' order by {{ by_bytes('l.location') }}) filter (where l.direction < 0) as from_location,
    string_agg(l.location, ', ' order by {{ by_bytes('l.location') }}) filter (where l.direction > 0) as to_location,
    count(*) filter (where l.direction < 0) as origins,
    count(distinct l.location) filter (where l.direction <> 0) as sites,
    coalesce(-sum(l.stated) filter (where l.direction < 0), 0)::bigint as shipped,
    coalesce(sum(l.stated) filter (where l.direction > 0 and l.measure <> 'in_transit'), 0)::bigint as received,
    min(l.said_from) filter (where l.direction < 0) as shipped_at,
    max(l.said_from) filter (where l.direction > 0 and l.measure <> 'in_transit') as received_at,
    max(l.due_at) filter (where l.direction < 0) as due_at
  from legs as l
  where l.direction <> 0 and (l.measure <> 'in_transit' or not exists (
    select from legs as o
    where o.event_key = l.event_key and o.item = l.item and o.location = l.location
      and o.measure <> 'in_transit' and o.direction <> 0
  ))
  group by l.event_key, l.item, case when l.measure = 'in_transit' then 'on_hand' else l.measure end
),

transfers as (
  select
    e.*,
    coalesce(w.quantity, 0) as written_off,
    e.shipped - e.received - coalesce(w.quantity, 0) as in_transit
  from ends as e
  left join written_off as w on e.event_key = w.event_key and e.item = w.item and e.measure = 'on_hand'
  where e.origins > 0 and e.to_location is not null and e.sites > e.origins
)

select
  t.event_key,
  t.item,
  t.measure,
  t.from_location,
  t.to_location,
  t.shipped,
  t.received,
  t.in_transit,
  t.shipped_at,
  t.received_at,
  case when t.in_transit <> 0 then floor(extract(epoch from b.as_of - t.shipped_at))::bigint end as age_s,
  case
    when t.shipped = 0 and t.received = 0 then 'cancelled'
    when t.in_transit < 0 then 'over'
    when t.in_transit = 0 and t.written_off <> 0 then 'closed'
    when t.in_transit = 0 then 'received'
    when t.received > 0 then 'short'
    else 'in transit'
  end as state,
  t.written_off,
  t.due_at,
  t.in_transit > 0 and coalesce(t.due_at <= b.as_of, false) as is_overdue
from transfers as t
left join {{ source('ops', 'current_batch') }} as b on true
