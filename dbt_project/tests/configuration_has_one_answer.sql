{{ config(
    tags=['resolve'],
    meta={'next_step': 'Run `syncline check`, correct the CSV files, then `syncline config apply`; clear the task.'},
) }}

-- Rules that contradict each other, or name what nobody defined: found before any fact is read with them (semantics §3).
-- `syncline check` finds the same in the CSV files, with the line to fix; this finds what came into the tables by another
-- way. A version that passed is not looked at again.

with news as (
  select v.is_news
  from (
    select
      coalesce((select max(version_id) from {{ source('ops', 'config_versions') }}), 0)
      > coalesce((select checked_version from {{ source('ops', 'current_batch') }}), 0) as is_news
  ) as v
  where v.is_news
),

rules as (
  select
    r.*,
    case when position('|' in r.location) > 0 then split_part(r.location, '|', 1) else '' end as namespace,
    case when r.location ~ '^([^|]*\|)?\*$' then 0 when r.location ~ '[*?]' then 1 else 2 end as specificity,
    replace(replace(replace(replace(replace(r.location, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), '?', '_') as location_like
  from {{ source('ops', 'current_ownership_rules') }} as r
  inner join news as n on n.is_news
  -- A channel observes stock whatever a rule says.
  left join {{ source('ops', 'current_speakers') }} as s on r.source = s.source
  where coalesce(s.system, '') <> 'shop'
),

places as (
  select
    l.location,
    case when position('|' in l.location) > 0 then split_part(l.location, '|', 1) else '' end as namespace
  from news
  cross join {{ source('ops', 'current_locations') }} as l
),

-- Patterns are asked of the locations there are; `syncline check` compares them as patterns.
holding as (
  select p.location as place, r.*
  from places as p
  inner join rules as r on p.namespace = r.namespace and p.location like r.location_like
),

rivals as (
  select distinct
    'ownership_rules' as kind,
    a.measure || ' at ' || a.place || ' class ' || a.item_class || ': ' || a.source || ' and ' || b.source as what
  from holding as a
  inner join holding as b
    on a.place = b.place and a.measure = b.measure and a.item_class = b.item_class and a.specificity = b.specificity
    and (a.source, a.location, a.valid_from) < (b.source, b.location, b.valid_from)
    and a.valid_from < b.valid_to and a.valid_to > b.valid_from
  where a.source = b.source or (a.role = 'primary' and b.role = 'primary')
),

spans as (
  select 'item_crosswalk' as kind, c.source || '/' || c.item_ref as what, c.valid_from, c.valid_to
  from news cross join {{ source('ops', 'current_item_crosswalk') }} as c
  union all
  select 'location_crosswalk', c.source || '/' || c.location_ref, c.valid_from, c.valid_to
  from news cross join {{ source('ops', 'current_location_crosswalk') }} as c
  union all
  select 'unit_factors', c.item || '/' || c.uom, c.valid_from, c.valid_to
  from news cross join {{ source('ops', 'current_unit_factors') }} as c
),

followed as (
  select s.*, lead(s.valid_from) over (partition by s.kind, s.what order by s.valid_from) as next_from
  from spans as s
),

named as (
  select 'ownership_rules' as kind, r.source from rules as r
  union
  select 'item_crosswalk', c.source from news cross join {{ source('ops', 'current_item_crosswalk') }} as c
  union
  select 'location_crosswalk', c.source from news cross join {{ source('ops', 'current_location_crosswalk') }} as c
  union
  select 'status_crosswalk', c.source from news cross join {{ source('ops', 'current_status_crosswalk') }} as c
)

select kind, what || ' own one number at one level' as fault from rivals
union all
select kind, what || ' has two answers from ' || next_from from followed where next_from < valid_to
union all
select kind, what || ' ends before it begins' from followed where valid_to <= valid_from
union all
select n.kind, 'source ' || n.source || ' is not defined'
from named as n
left join {{ source('ops', 'current_speakers') }} as s on n.source = s.source
where s.source is null and n.source <> '*'
union all
-- A factor is a fraction of whole numbers; the table refuses others, and this says so in words.
select 'unit_factors', f.item || '/' || f.uom || ' is ' || f.factor_num || ' over ' || f.factor_den
from news cross join {{ source('ops', 'current_unit_factors') }} as f
where f.factor_num <= 0 or f.factor_den <= 0
