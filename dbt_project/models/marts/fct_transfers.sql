-- Transfers between sites: an event that one site tells as leaving and another as arriving, of one item and measure
-- (semantics §1). What left and did not arrive is in transit. Several measures of one site are no transfer; neither is a
-- shipment from two sites, nor a leg of 0, which says nothing of a direction.

with counted as (
  select
    f.event_key, f.item, f.measure, f.location, f.revision, f.said_from,
    case when f.cancel then 0 else f.quantity end as stated
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  where f.kind = 'movement' and f.measure in ('on_hand', 'damaged', 'quarantined', 'consigned', 'in_transit')
    and d.disposition in ('applied', 'absorbed')
),

-- The differences that revisions book add up to what the last of them says; the first that is not 0 gives the direction.
legs as (
  select
    event_key, item, measure, location,
    sign((array_agg(stated order by revision) filter (where stated <> 0))[1])::integer as direction,
    (array_agg(stated order by revision desc))[1] as stated,
    (array_agg(said_from order by revision))[1] as said_from
  from counted
  group by event_key, item, measure, location
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
    max(l.said_from) filter (where l.direction > 0 and l.measure <> 'in_transit') as received_at
  from legs as l
  where l.direction <> 0 and (l.measure <> 'in_transit' or not exists (
    select from legs as o
    where o.event_key = l.event_key and o.item = l.item and o.location = l.location and o.measure <> 'in_transit'
  ))
  group by l.event_key, l.item, case when l.measure = 'in_transit' then 'on_hand' else l.measure end
)

select
  e.event_key,
  e.item,
  e.measure,
  e.from_location,
  e.to_location,
  e.shipped,
  e.received,
  e.shipped - e.received as in_transit,
  e.shipped_at,
  e.received_at,
  case when e.shipped <> e.received then floor(extract(epoch from b.as_of - e.shipped_at))::bigint end as age_s,
  case
    when e.shipped = 0 and e.received = 0 then 'cancelled'
    when e.shipped = e.received then 'received'
    when e.shipped < e.received then 'over'
    when e.received > 0 then 'short'
    else 'in transit'
  end as state
from ends as e
left join {{ source('ops', 'current_batch') }} as b on true
where e.origins > 0 and e.to_location is not null and e.sites > e.origins
