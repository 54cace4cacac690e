-- What left for each release, event by event: the release that an event serves is chosen as in canonical.releases
-- (semantics §11), whose totals these rows add up to.

with named as (
  select distinct s.event_key, s.location
  from {{ ref('stg_facts') }} as s
  where s.serves is not null and s.measure = 'on_hand' and s.kind = 'movement'
),

tellings as (
  select
    s.event_key, s.location, s.serves, s.item, s.revision, s.fact_id, s.source, s.kind, s.line_key, s.received_at,
    s.said_from as rec_from, s.said_to as rec_to,
    case when s.cancel then 0 else s.quantity end as stated,
    d.disposition in ('applied', 'absorbed') as is_counted
  from {{ ref('stg_facts') }} as s
  inner join named as n on s.event_key = n.event_key and s.location = n.location
  inner join {{ ref('int_dispositions') }} as d on s.fact_id = d.fact_id
  where s.measure = 'on_hand' and s.kind = 'movement' and d.disposition in ('applied', 'absorbed', 'duplicate')
),

servings as (
  select
    event_key, location,
    (array_agg(serves order by is_counted desc, revision asc, {{ kept_order() }}) filter (where serves is not null))[1] as release,
    (array_agg(item order by revision desc) filter (where is_counted))[1] as item,
    -(array_agg(stated order by revision desc) filter (where is_counted))[1] as quantity,
    (array_agg(fact_id order by revision desc) filter (where is_counted))[1] as fact_id,
    (array_agg(source order by revision desc) filter (where is_counted))[1] as source,
    (array_agg(rec_from order by revision desc) filter (where is_counted))[1] as happened_at
  from tellings
  group by event_key, location
  having bool_or(is_counted)
)

select
  s.release,
  s.location,
  s.event_key,
  s.item,
  s.quantity::bigint as quantity,
  r.item <> s.item as is_substitute,
  s.source,
  s.happened_at,
  s.fact_id
from servings as s
inner join {{ ref('releases') }} as r on s.release = r.release and s.location = r.location
