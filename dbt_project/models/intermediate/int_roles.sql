{{ config(materialized='table') }}

-- Role of every source, and grain, for each touched (measure, location, item class) over time (semantics §3).
-- The row with an empty source carries the grain of the primary of that span.

-- Every item class: a fact of another cell that shares an event with one of these may name an item of any class.
with places as (
  select distinct measure, location from {{ ref('int_touched_cells') }}
),

classes as (
  select distinct item_class from {{ source('ops', 'current_items') }}
),

-- Every item class: a fact of another cell that shares an event with one of these may name an item of any class.
cells as (
  select
    p.measure,
    p.location,
    c.item_class,
    case when position('|' in p.location) > 0 then split_part(p.location, '|', 1) else '' end as namespace
  from places as p
  cross join classes as c
),

-- A glob becomes a like pattern. `x|*` is the any-location of the namespace x (scenarios share one database). Channels
-- are observers of stock whatever a rule says (semantics §3): their rules say nothing, and silence nobody.
patterns as (
  select
    r.*,
    case when position('|' in r.location) > 0 then split_part(r.location, '|', 1) else '' end as namespace,
    r.location ~ '^([^|]*\|)?\*$' as is_any_location,
    replace(replace(replace(replace(replace(r.location, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), '?', '_') as location_like
  from {{ source('ops', 'current_ownership_rules') }} as r
  inner join {{ source('ops', 'current_sources') }} as system on r.source = system.source
  where system.system <> 'shop'
),

rules as (
  select
    c.measure,
    c.location,
    c.item_class,
    p.source,
    p.role,
    p.grain,
    p.movements,
    p.valid_from,
    p.valid_to,
    2 * case when p.location = c.location then 2 when p.is_any_location then 0 else 1 end
    + case when p.item_class = '*' then 0 else 1 end as level
  from cells as c
  inner join patterns as p
    on c.measure = p.measure and c.namespace = p.namespace
    and c.location like p.location_like and (p.item_class = '*' or c.item_class = p.item_class)
),

points as (
  select measure, location, item_class, '-infinity'::timestamptz as instant from cells
  union
  select measure, location, item_class, valid_from from rules
  union
  select measure, location, item_class, valid_to from rules where valid_to < 'infinity'
),

spans as (
  select
    measure,
    location,
    item_class,
    instant as span_from,
    lead(instant, 1, 'infinity'::timestamptz) over (partition by measure, location, item_class order by instant) as span_to
  from points
),

active as (
  select s.span_from, s.span_to, r.*
  from spans as s
  inner join rules as r
    on s.measure = r.measure and s.location = r.location and s.item_class = r.item_class
    and s.span_from >= r.valid_from and s.span_from < r.valid_to
),

primary_levels as (
  select measure, location, item_class, span_from, max(level) as level
  from active
  where role = 'primary'
  group by measure, location, item_class, span_from
),

primaries as (
  select a.*
  from active as a
  inner join primary_levels as l
    on a.measure = l.measure and a.location = l.location and a.item_class = l.item_class
    and a.span_from = l.span_from and a.level = l.level
  where a.role = 'primary'
),

own_rules as (
  select distinct on (measure, location, item_class, span_from, source) *
  from active
  order by measure asc, location asc, item_class asc, span_from asc, source asc, level desc, role asc
),

speakers as (
  select distinct measure, location, item_class, source
  from rules
)

select
  s.measure,
  s.location,
  s.item_class,
  s.span_from,
  s.span_to,
  x.source,
  case
    when p.source is not null then 3
    when o.role = 'secondary' then 2
    else 1
  end as role_rank,
  coalesce(o.role = 'secondary' and o.movements = 'apply', false) as applies_movements,
  null::text as grain
from spans as s
inner join speakers as x
  on s.measure = x.measure and s.location = x.location and s.item_class = x.item_class
left join primaries as p
  on s.measure = p.measure and s.location = p.location and s.item_class = p.item_class
  and s.span_from = p.span_from and x.source = p.source
left join own_rules as o
  on s.measure = o.measure and s.location = o.location and s.item_class = o.item_class
  and s.span_from = o.span_from and x.source = o.source

union all

select s.measure, s.location, s.item_class, s.span_from, s.span_to, '' as source, 0 as role_rank, false as applies_movements, p.grain
from spans as s
left join primaries as p
  on s.measure = p.measure and s.location = p.location and s.item_class = p.item_class and s.span_from = p.span_from
