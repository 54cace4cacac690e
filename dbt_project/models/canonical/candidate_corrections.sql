{{ config(materialized='table') }}

-- What each target should show against what it showed last (semantics §8, §9), for the keys of this batch and of the
-- queue. The gate judges these rows; the release turns them into the outbox.

with stock as (
  select item, location from {{ ref('int_touched_cells') }}
  union
  select item, location from {{ source('ops', 'correction_queue') }}
  union
  -- What serves a release may be another item than what was released.
  select r.item, r.location
  from {{ ref('int_touched_releases') }} as t
  cross join lateral {{ found(ref('releases'), ['release', 'location'], 't') }} as r
),

-- Which number a target shows, where and in which mode: the most specific subscription says (ADR 0025).
subscribed as (
  select distinct on (c.subscriber, s.item, s.location)
    c.subscriber as target, c.event, c.mode, c.outside, s.item, s.location
  from stock as s
  inner join {{ source('ops', 'current_items') }} as i on s.item = i.item
  inner join {{ source('ops', 'current_subscriptions') }} as c
    on c.event in ('books', 'available') and c.location in (s.location, '*') and c.item_class in (i.item_class, '*')
  order by c.subscriber asc, s.item asc, s.location asc, c.location = '*' asc, c.item_class = '*' asc
),

wanted_keys as (
  select target, event, mode, outside, item, location from subscribed where mode <> 'off'
),

-- A lot-grained measure is summed: targets keep one number for an item at a location.
balances as (
  select
    b.item, b.location, b.measure,
    sum(b.quantity)::bigint as quantity,
    sum(b.quantity_lo)::bigint as quantity_lo,
    min(b.quantity)::bigint as least,
    bool_and(b.base_fact is not null) as has_base
  from {{ ref('balances') }} as b
  inner join stock as s on b.item = s.item and b.location = s.location
  group by b.item, b.location, b.measure
),

stock_numbers as (
  select
    item, location,
    max(quantity) filter (where measure = 'on_hand') as on_hand,
    max(quantity_lo) filter (where measure = 'on_hand') as on_hand_lo,
    coalesce(bool_or(has_base) filter (where measure = 'on_hand'), false) as has_base,
    coalesce(max(least) filter (where measure = 'on_hand'), 0) < 0 as is_negative,
    coalesce(max(quantity) filter (where measure = 'consigned'), 0) as consigned,
    coalesce(sum(quantity) filter (where measure in ('damaged', 'quarantined', 'consigned', 'allocated')), 0)::bigint as not_sellable
  from balances
  group by item, location
),

-- What is released to be picked is spoken for, where the owner does not tell what it allocates (semantics §11).
provisional as (
  select s.item, s.location, sum(r.outstanding)::bigint as outstanding
  from stock as s
  inner join {{ source('ops', 'current_items') }} as i on s.item = i.item
  cross join lateral {{ found(ref('releases'), ['item', 'location'], 's') }} as r
  where r.is_open and {{ owner_at("'allocated'", 's.location', 'i.item_class', 'r.released_at') }} is null
  group by s.item, s.location
),

-- A serial that is in two places holds its item wherever it has a balance (semantics §12).
disputed as (
  select distinct s.item, s.location
  from stock as s
  inner join {{ ref('serial_places') }} as p on s.item = p.item and s.location = any(p.locations)
  where p.state = 'disputed'
),

-- What a decision answers holds nothing any more.
conflicts as (
  select distinct s.item, s.location
  from (select stock.*, 'conflict' as disposition from stock) as s
  cross join lateral {{ found(ref('int_dispositions'), ['disposition', 'item', 'location'], 's') }} as d
  where d.decision_id is null
),

-- Keys that a person keeps back; a hold whose due row this batch has drained is over.
holds as (
  select distinct k.target, k.item, k.location
  from wanted_keys as k
  inner join {{ source('ops', 'current_key_holds') }} as h
    on k.item = h.item and k.location = h.location and h.target in (k.target, '*')
),

rules as (
  select distinct on (k.target, k.item, k.location)
    k.target, k.item, k.location, r.safety_stock, r.confidence,
    -- Silent about items that are sold no more: the channel keeps showing what is there.
    r.discontinued = 'zero' and i.discontinued_from <= (select b.as_of from {{ source('ops', 'current_batch') }} as b) as is_ended
  from wanted_keys as k
  inner join {{ source('ops', 'current_items') }} as i on k.item = i.item
  inner join {{ source('ops', 'current_channel_rules') }} as r
    on k.target = r.channel and (k.location = r.location or r.location = '*') and (i.item_class = r.item_class or r.item_class = '*')
  order by k.target asc, k.item asc, k.location asc, r.location = '*' asc, r.item_class = '*' asc
),

-- What the owner said last of what is allocated speaks for every order that its source had posted before: most end here.
allocations as (
  select b.item, b.location, b.base_fact as fact_id, b.base_from
  from {{ ref('balances') }} as b
  inner join stock as s on b.item = s.item and b.location = s.location
  where b.measure = 'allocated' and b.base_fact is not null
),

spoken_for as (
  select a.item, a.location, max(a.base_from - make_interval(secs => src.clock_skew_s + src.lag_s)) as spoken_to
  from allocations as a
  cross join lateral {{ found(ref('stg_facts'), ['fact_id'], 'a') }} as f
  inner join {{ source('ops', 'current_sources') }} as src on f.source = src.source
  group by a.item, a.location
),

-- Materialized: what follows is asked of these few, not of all orders.
later_orders as materialized (
  select
    c.target, c.item, c.location, c.delta, c.event_key, c.changed_at,
    'allocated' as measure, 'balance' as kind, 'applied' as disposition
  from {{ source('ops', 'target_changes') }} as c
  inner join stock as s on c.item = s.item and c.location = s.location
  left join spoken_for as p on c.item = p.item and c.location = p.location
  where c.kind = 'order' and c.changed_at > coalesce(p.spoken_to, '-infinity')
),

-- Orders a channel took and the owner has not told yet: neither by the event itself, nor by a statement of what is
-- allocated that its source had posted after the order. Their stock is spoken for. History is looked up by index.
in_flight as (
  select c.target, c.item, c.location, sum(-c.delta)::bigint as units
  from later_orders as c
  where not exists (
    select from {{ found(ref('stg_facts'), ['event_key', 'location', 'measure'], 'c') }} as f
    cross join lateral {{ found(ref('int_dispositions'), ['fact_id'], 'f') }} as d
    where d.disposition in ('applied', 'absorbed', 'duplicate')
  )
  and not exists (
    select from {{ found(ref('int_dispositions'), ['item', 'location', 'measure', 'kind', 'disposition'], 'c') }} as d
    cross join lateral {{ found(ref('stg_facts'), ['fact_id'], 'd') }} as f
    inner join {{ source('ops', 'current_sources') }} as src on f.source = src.source
    where f.said_from - make_interval(secs => src.clock_skew_s + src.lag_s) >= c.changed_at
  )
  group by c.target, c.item, c.location
),

readings as (
  select g.*
  from wanted_keys as k
  cross join lateral (
    select r.*
    from {{ source('ops', 'target_readings') }} as r
    where r.target = k.target and r.item = k.item and r.location = k.location
    order by r.reading_no desc
    limit 1
  ) as g
),

wanted as (
  select
    k.target, k.event, k.mode, k.outside, k.item, k.location,
    coalesce(f.units, 0) as in_flight,
    n.has_base,
    -- A lot below zero waits for its receipt, whatever the others hold: their sum is wrong by it in the books.
    k.event = 'books' and n.is_negative as is_negative,
    case when k.event = 'books' then n.on_hand - n.consigned
      when r.target is null or r.is_ended then 0
      else greatest(
        0,
        case when r.confidence = 'low bound' then coalesce(n.on_hand_lo, 0) else n.on_hand end
        - n.not_sellable - coalesce(p.outstanding, 0) - coalesce(f.units, 0) - r.safety_stock
      )
    end as wanted
  from wanted_keys as k
  inner join stock_numbers as n on k.item = n.item and k.location = n.location
  left join rules as r on k.target = r.target and k.item = r.item and k.location = r.location
  left join in_flight as f on k.target = f.target and k.item = f.item and k.location = f.location
  left join provisional as p on k.item = p.item and k.location = p.location
  -- A key that a channel was told of and that no rule includes any more is not for sale: the channel must show 0.
  where n.on_hand is not null and (
    k.event = 'books' or r.target is not null or exists (
      select from {{ source('ops', 'target_versions') }} as v
      where v.target = k.target and v.item = k.item and v.location = k.location
    )
  )
),

-- Targets were told of these keys, and no fact speaks of their stock any more: it was read or mapped otherwise. A channel
-- shows nothing of what nobody knows; in the books our own part is to be taken back. Without a base a person lets it go.
forsaken as (
  select
    k.target, k.event, k.mode, k.outside, k.item, k.location,
    0 as in_flight,
    false as has_base,
    false as is_negative,
    case when k.event = 'books' then coalesce(g.quantity - (
      select coalesce(sum(c.delta), 0) from {{ source('ops', 'target_changes') }} as c
      where c.target = k.target and c.item = k.item and c.location = k.location and c.correction_id is not null
    ), 0) else 0 end as wanted
  from wanted_keys as k
  left join stock_numbers as n on k.item = n.item and k.location = n.location
  left join readings as g on k.target = g.target and k.item = g.item and k.location = g.location
  where n.on_hand is null
    and exists (
      select from {{ source('ops', 'target_versions') }} as v
      where v.target = k.target and v.item = k.item and v.location = k.location
    )
),

keys as (
  select target, event, mode, outside, item, location, in_flight, has_base, is_negative, wanted from wanted
  union all
  select target, event, mode, outside, item, location, in_flight, has_base, is_negative, wanted from forsaken
),

-- Books follow the floor: the newest entry of what is on hand is what a correction answers.
entries as (
  select s.item, s.location, l.fact_id
  from stock as s
  cross join lateral (
    select x.fact_id
    from {{ ref('ledger') }} as x
    where x.item = s.item and x.location = s.location and x.measure = 'on_hand'
    order by x.booked_from desc, x.fact_id desc
    limit 1
  ) as l
)

select
  {{ current_batch_id() }} as batch_id,
  w.target,
  w.item,
  w.location,
  i.item_class,
  w.wanted::bigint as wanted,
  g.quantity as shown,
  g.reading_no,
  g.version as expected_version,
  w.in_flight::bigint as in_flight,
  coalesce(w.wanted - g.quantity, 0)::bigint as delta,
  coalesce(traits.writes, case when w.event = 'books' then 'delta' else 'set' end) as kind,
  tolerance.units_max,
  -- Unexplained: read by key, and neither our effects nor a list of changes say why it moved (semantics §9).
  case
    when h.item is not null then 'on hold'
    when c.item is not null then 'conflict'
    when d.item is not null then 'serial disputed'
    when not w.has_base then 'without base'
    when w.wanted < 0 or w.is_negative then 'negative'
    when g.reading_no is null then 'no reading'
    when w.outside = 'hold' and not traits.lists_changes and g.unexplained <> 0 then 'unexplained'
  end as hold_reason,
  exists(
    select from {{ source('ops', 'outbox') }} as o
    where o.target = w.target and o.item = w.item and o.location = w.location
      and o.state in ('pending', 'held', 'sent', 'unknown', 'rejected')
  ) as is_open,
  i.unit_value,
  w.event,
  w.mode = 'shadow' as is_shadow,
  -- Of a key that no fact speaks of any more: what the correction before it stood on.
  coalesce(e.fact_id, (
    select o.fact_id from {{ source('ops', 'outbox') }} as o
    where o.target = w.target and o.item = w.item and o.location = w.location and o.correlation_id is not null
    order by o.to_version desc, o.reading_no desc limit 1
  )) as fact_id
from keys as w
inner join {{ source('ops', 'current_items') }} as i on w.item = i.item
left join readings as g on w.target = g.target and w.item = g.item and w.location = g.location
left join entries as e on w.item = e.item and w.location = e.location
left join {{ source('ops', 'target_traits') }} as traits on w.target = traits.target
left join conflicts as c on w.item = c.item and w.location = c.location
left join disputed as d on w.item = d.item and w.location = d.location
left join holds as h on w.target = h.target and w.item = h.item and w.location = h.location
left join lateral (
  select t.units_max
  from {{ source('ops', 'current_tolerances') }} as t
  where t.target = w.target and (t.item_class = i.item_class or t.item_class = '*')
  order by t.item_class = '*'
  limit 1
) as tolerance on true
