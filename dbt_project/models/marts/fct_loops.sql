-- Each loop that a message opened: what was asked, what happened, what is still missing, and whether anything is waited
-- for (ADR 0032). A function of the facts and of the batch's as-of: a loop whose facts are taken back is gone.

with taken as (
  -- Releases for which something left, whatever came back since.
  select release, location
  from {{ ref('fct_release_servings') }}
  where quantity > 0
  group by release, location
),

of_releases as (
  select
    case
      when r.released = 0 and t.release is not null then 'cancelled_after_pick'
      when r.released = 0 then 'cancelled'
      when r.state = 'short' then 'short_pick'
      when r.substituted > 0 then 'substitution'
    end as kind,
    r.release as subject, r.item, r.location, null::text as to_location,
    r.released as expected, r.confirmed as happened, r.substituted, r.back_order as missing,
    case
      -- What was picked for nobody comes back, or somebody must find out where it went.
      when r.released = 0 and r.confirmed + r.substituted > 0 then 'waiting'
      when r.state = 'short' then 'waiting'
      when r.is_open then 'open'
      else 'closed'
    end as state,
    r.released_at as opened_at, r.due_at, null::jsonb as details, null::text as known_by
  from {{ ref('releases') }} as r
  left join taken as t on r.release = t.release and r.location = t.location
  where r.state = 'short' or r.substituted > 0 or r.released = 0
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
    t.shipped_at as opened_at, t.due_at, null::jsonb as details, null::text as known_by
  from {{ ref('fct_transfers') }} as t
  where t.measure = 'on_hand' and t.state in ('short', 'over', 'closed')
),

-- Announced is what a 943 or 856 put in transit, arrived what the receipt that names it takes off. Who owns `in_transit`
-- is not asked: where nobody does, both are evidence, and the loop is about what two documents say.
goods as (
  select
    f.item, f.location, f.serves, f.revision, f.said_from, f.due_at, f.event_key, f.received_at, f.fact_id,
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
  order by g.event_key asc, g.item asc, g.location asc, g.revision desc, g.received_at asc, g.fact_id asc
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
    a.announced_at as opened_at, a.due_at, null::jsonb as details, null::text as known_by
  from announced as a
  inner join arrived as r on a.shipment = r.shipment and a.item = r.item and a.location = r.location
  left join {{ source('ops', 'current_batch') }} as b on true
  where a.announced > 0 and r.arrived <> a.announced
),

-- A return is authorised, maybe refunded, received, and out of quarantine again. Money that left before the goods came is late.
of_returns as (
  select
    'return' as kind, r.return_key as subject, r.item, r.location, null::text as to_location,
    r.authorised as expected, r.received as happened, 0::bigint as substituted, r.authorised - r.received as missing,
    case
      when r.received < r.authorised and (r.refunded_at is not null or r.due_at <= b.as_of) then 'overdue'
      when r.received < r.authorised or r.held > 0 then 'waiting'
      else 'closed'
    end as state,
    r.opened_at, r.due_at,
    jsonb_build_object(
      'held', r.held, 'damaged', r.damaged, 'written_off', r.written_off,
      'restocked', r.received - r.held - r.damaged - r.written_off, 'refunded', r.refunded_at is not null
    ) as details,
    null::text as known_by
  from {{ ref('fct_return_lines') }} as r
  left join {{ source('ops', 'current_batch') }} as b on true
  where r.authorised > 0 or r.received > 0
),

accepted as (
  select distinct unnest(answers) as fact_id
  from {{ source('ops', 'current_decisions') }}
  where kind = 'accept'
),

-- A count that found something else than was expected; the nearest to 0 of what it may differ by.
counts as (
  select
    v.fact_id, v.item, v.location, v.measure, v.lot, v.reported, v.variances, v.reported_from, f.event_key, f.source, f.line_key,
    d.disposition = 'applied' as is_booked,
    y.fact_id is not null as is_accepted,
    (select n.variance from unnest(v.variances) as n (variance) order by abs(n.variance), n.variance limit 1) as variance
  from {{ ref('verdicts') }} as v
  inner join {{ ref('stg_facts') }} as f on v.fact_id = f.fact_id
  inner join {{ ref('int_dispositions') }} as d on v.fact_id = d.fact_id
  left join accepted as y on v.fact_id = y.fact_id
  where f.reason = 'count' and v.verdict = 'discrepancy'
),

adjusted as (
  select distinct event_key, location, measure
  from {{ ref('stg_facts') }}
  where reason = 'count' and kind = 'movement'
),

-- What somebody booked because of a count.
adjustments as (
  select
    f.event_key, f.item, f.location, f.measure,
    (array_agg(f.lot order by f.revision))[1] as lot,
    (array_agg(f.said_from order by f.revision))[1] as said_from,
    (array_agg(case when f.cancel then 0 else f.quantity end order by f.revision desc))[1] as adjusted
  from {{ ref('stg_facts') }} as f
  inner join adjusted as n on f.event_key = n.event_key and f.location = n.location and f.measure = n.measure
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  where f.kind = 'movement' and d.disposition in ('applied', 'absorbed')
  group by f.event_key, f.item, f.location, f.measure
  having bool_or(f.reason = 'count') and (array_agg(case when f.cancel then 0 else f.quantity end order by f.revision desc))[1] <> 0
),

-- A count that was not booked is answered by the first adjustment after it that is as much as it differed by.
answers as (
  select c.fact_id, a.event_key, a.item, a.location, a.measure
  from counts as c
  cross join lateral (
    select n.*
    from adjustments as n
    where n.item = c.item and n.location = c.location and n.measure = c.measure and c.lot in ('', n.lot)
      and n.said_from >= c.reported_from and n.adjusted = any(c.variances)
    order by n.said_from, {{ by_bytes('n.event_key') }} limit 1
  ) as a
  where not c.is_booked
),

of_counts as (
  select
    'cycle_count' as kind, coalesce(c.event_key, c.line_key) as subject, c.item, c.location, null::text as to_location,
    c.reported - c.variance as expected, c.reported as happened, 0::bigint as substituted, -c.variance as missing,
    case when c.is_booked or c.is_accepted or a.fact_id is not null then 'closed' else 'waiting' end as state,
    c.reported_from as opened_at, null::timestamptz as due_at,
    jsonb_build_object('measure', c.measure, 'answer', case
      when c.is_booked then 'booked' when a.fact_id is not null then 'adjusted' when c.is_accepted then 'accepted' else 'none'
    end) as details,
    jsonb_build_array(c.source, c.line_key, c.measure, c.lot)::text as known_by
  from counts as c
  left join answers as a on c.fact_id = a.fact_id
  union all
  select
    'cycle_count', a.event_key, a.item, a.location, null, 0, a.adjusted, 0, -a.adjusted, 'closed', a.said_from, null,
    jsonb_build_object('measure', a.measure, 'answer', 'adjusted'),
    jsonb_build_array(a.event_key, a.measure, a.lot)::text
  from adjustments as a
  where not exists (
    select from answers as n
    where n.event_key = a.event_key and n.item = a.item and n.location = a.location and n.measure = a.measure
  )
),

-- What came back of a return is not held for another reason.
returned as (
  select s.event_key, s.location, s.measure
  from ({{ servings(['quarantined']) }}) as s
  where exists (select from {{ ref('fct_return_lines') }} as r where r.return_key = s.serves and r.location = s.location)
),

-- Goods that a movement put out of sale: broken, or on hold.
set_aside as (
  select
    case min(f.measure) when 'damaged' then 'damage' else 'hold' end as kind,
    f.event_key as subject, f.item, f.location, null::text as to_location,
    0::bigint as expected,
    (array_agg(case when f.cancel then 0 else f.quantity end order by f.revision desc))[1] as happened,
    0::bigint as substituted, 0::bigint as missing, 'closed' as state, min(f.said_from) as opened_at, null::timestamptz as due_at,
    null::jsonb as details, null::text as known_by
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  where f.kind = 'movement' and f.measure in ('damaged', 'quarantined') and d.disposition in ('applied', 'absorbed')
    and not exists (
      select from returned as r where r.event_key = f.event_key and r.location = f.location and r.measure = f.measure
    )
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
  select * from of_returns
  union all
  select * from of_counts
  union all
  select * from set_aside
)

select
  -- A loop of a release keeps its name whatever became of it: what is told of it is told of one thing.
  {{ loop_id([
    "case when l.kind in " ~ release_kinds() ~ " then 'release' "
    "when l.kind like 'receipt%' then 'receipt' when l.kind like 'transfer%' then 'transfer' else l.kind end",
    "coalesce(l.known_by, l.subject)", "case when l.kind in " ~ release_kinds() ~ " then '' else l.item end",
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
  l.due_at,
  l.details
from loops as l
