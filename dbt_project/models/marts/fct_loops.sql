-- Each loop that a message opened: what was asked, what happened, what is still missing, and whether anything is waited
-- for (ADR 0032). A function of the facts and of the batch's as-of: a loop whose facts are taken back is gone.

with of_releases as (
  select
    case
      when r.released = 0 and r.confirmed + r.substituted > 0 then 'cancelled_after_pick'
      when r.state = 'short' then 'short_pick'
      when r.substituted > 0 then 'substitution'
    end as kind,
    r.release as subject, r.item, r.location, null::text as to_location,
    r.released as expected, r.confirmed as happened, r.substituted, r.back_order as missing,
    case
      -- What was picked for nobody comes back, or somebody must find out where it went.
      when r.released = 0 then 'waiting'
      when r.state = 'short' and r.back_order > 0 then 'waiting'
      when r.is_open then 'open'
      else 'closed'
    end as state,
    r.released_at as opened_at, r.due_at
  from {{ ref('releases') }} as r
  where r.state = 'short' or r.substituted > 0 or r.released = 0 and r.confirmed > 0
),

of_transfers as (
  select
    case when t.in_transit < 0 then 'transfer_over' else 'transfer_short' end as kind,
    t.event_key as subject, t.item, t.from_location as location, t.to_location,
    t.shipped as expected, t.received as happened, 0::bigint as substituted, t.in_transit as missing,
    case
      when t.state = 'closed' then 'closed'
      when t.is_overdue or t.in_transit < 0 then 'overdue'
      else 'waiting'
    end as state,
    t.shipped_at as opened_at, t.due_at
  from {{ ref('fct_transfers') }} as t
  where t.measure = 'on_hand' and t.state in ('short', 'over', 'closed')
),

-- Announced is what a 943 or 856 put in transit, arrived what the receipt that names it takes off. Who owns `in_transit`
-- is not asked: where nobody does, both are evidence, and the loop is about what two documents say.
goods as (
  select
    f.item, f.location, f.serves, f.revision, f.said_from, f.due_at, f.event_key,
    regexp_replace(f.event_key, '/[^/]*$', '') as shipment,
    case when f.cancel then 0 else f.quantity end as stated
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  where f.kind = 'movement' and f.measure = 'in_transit' and f.feed = 'edi'
    and d.disposition in ('applied', 'absorbed', 'not_owner')
),

last_goods as (
  select distinct on (g.event_key, g.item, g.location) g.*
  from goods as g
  order by g.event_key asc, g.item asc, g.location asc, g.revision desc
),

announced as (
  select
    shipment, item, location,
    sum(stated)::bigint as announced, min(said_from) as announced_at, max(due_at) as due_at
  from last_goods
  where serves is null
  group by shipment, item, location
),

arrived as (
  select serves as shipment, item, location, -sum(stated)::bigint as arrived
  from last_goods
  where serves is not null
  group by serves, item, location
),

of_receipts as (
  select
    case when r.arrived < a.announced then 'receipt_short' else 'receipt_over' end as kind,
    a.shipment as subject, a.item, a.location, null::text as to_location,
    a.announced as expected, coalesce(r.arrived, 0) as happened, 0::bigint as substituted,
    a.announced - r.arrived as missing,
    case when r.arrived > a.announced then 'closed' when a.due_at <= b.as_of then 'overdue' else 'waiting' end as state,
    a.announced_at as opened_at, a.due_at
  from announced as a
  inner join arrived as r on a.shipment = r.shipment and a.item = r.item and a.location = r.location
  left join {{ source('ops', 'current_batch') }} as b on true
  where a.announced > 0 and r.arrived <> a.announced
),

-- Goods that a movement put out of sale: broken, or on hold (a return is received into quarantine too).
set_aside as (
  select
    case min(f.measure) when 'damaged' then 'damage' else 'hold' end as kind,
    f.event_key as subject, f.item, f.location, null::text as to_location,
    0::bigint as expected,
    (array_agg(case when f.cancel then 0 else f.quantity end order by f.revision desc))[1] as happened,
    0::bigint as substituted, 0::bigint as missing, 'closed' as state, min(f.said_from) as opened_at, null::timestamptz as due_at
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  where f.kind = 'movement' and f.measure in ('damaged', 'quarantined') and d.disposition in ('applied', 'absorbed')
  group by f.event_key, f.item, f.location, f.measure
  having (array_agg(case when f.cancel then 0 else f.quantity end order by f.revision desc))[1] > 0
),

loops as (
  select * from of_releases
  union all
  select * from of_transfers
  union all
  select * from of_receipts
  union all
  select * from set_aside
)

select
  -- A loop of a release keeps its name whatever became of it: what is told of it is told of one thing.
  {{ loop_id([
    "case when l.kind in ('short_pick', 'substitution', 'cancelled_after_pick') then 'release' "
    "when l.kind like 'receipt%' then 'receipt' when l.kind like 'transfer%' then 'transfer' else l.kind end",
    "l.subject", "case when l.kind in ('short_pick', 'substitution', 'cancelled_after_pick') then '' else l.item end",
    "l.location"]) }} as loop_id,
  l.kind,
  l.subject,
  l.item,
  l.location,
  l.to_location,
  l.expected,
  l.happened,
  l.substituted,
  l.missing,
  l.state,
  l.opened_at,
  l.due_at
from loops as l
