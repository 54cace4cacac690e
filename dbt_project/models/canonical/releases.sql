{{ config(
    materialized='incremental',
    incremental_strategy='replace_releases',
    unique_key=['release', 'location'],
    on_schema_change='fail',
    indexes=[{'columns': ['item', 'location']}, {'columns': ['due_at']}],
    pre_hook='{{ index_scans() }}',
    post_hook='{{ wake_when_due() }}',
) }}

-- Stock that may be picked, what has left for it, and what of it is still to leave (semantics §11).

with asked as (
  select release, location, release as event_key, release as serves, 'provisional' as measure
  from {{ ref('int_touched_releases') }}
),

tellings as (
  select r.release, r.location, s.item, s.revision, s.due_at, s.said_from, case when s.cancel then 0 else s.quantity end as stated
  from asked as r
  cross join lateral {{ found(ref('stg_facts'), ['event_key', 'location', 'measure'], 'r') }} as s
  inner join {{ ref('int_dispositions') }} as d on s.fact_id = d.fact_id
  where s.kind = 'movement' and d.disposition in ('applied', 'absorbed')
),

released as (
  select
    release, location,
    (array_agg(item order by revision desc))[1] as item,
    (array_agg(stated order by revision desc))[1] as released,
    (array_agg(due_at order by revision desc))[1] as due_at,
    min(said_from) as released_at
  from tellings
  group by release, location
),

-- Events that some telling ties to one of them, with all their tellings: which of them names the release is decided here.
events as (
  select distinct s.event_key, s.location, s.measure
  from asked as r
  cross join lateral {{ found(ref('stg_facts'), ['serves', 'location'], 'r') }} as s
  where s.measure = 'on_hand' and s.kind = 'movement'
),

served as (
  select
    s.event_key, s.location, s.serves, s.is_final, s.item, s.revision,
    case when s.cancel then 0 else s.quantity end as stated,
    d.disposition in ('applied', 'absorbed') as is_counted,
    s.fact_id, s.source, s.kind, s.line_key, s.received_at, s.said_from as rec_from, s.said_to as rec_to
  from events as e
  cross join lateral {{ found(ref('stg_facts'), ['event_key', 'location', 'measure'], 'e') }} as s
  inner join {{ ref('int_dispositions') }} as d on s.fact_id = d.fact_id
  where s.kind = 'movement' and d.disposition in ('applied', 'absorbed', 'duplicate')
),

servings as (
  select
    event_key, location,
    (array_agg(serves order by is_counted desc, revision asc, {{ kept_order() }}) filter (where serves is not null))[1] as release,
    (array_agg(item order by revision desc) filter (where is_counted))[1] as item,
    -(array_agg(stated order by revision desc) filter (where is_counted))[1] as amount,
    bool_or(is_final) as is_final
  from served
  group by event_key, location
  having bool_or(is_counted)
),

totals as (
  select
    r.*,
    coalesce(sum(s.amount) filter (where s.item = r.item), 0)::bigint as confirmed,
    coalesce(sum(s.amount) filter (where s.item <> r.item), 0)::bigint as substituted,
    count(s.event_key) > 0 as is_served,
    coalesce(bool_or(s.is_final), false) as is_final
  from released as r
  left join servings as s on r.release = s.release and r.location = s.location
  group by r.release, r.location, r.item, r.released, r.due_at, r.released_at
),

states as (
  select
    t.*,
    t.released - t.confirmed - t.substituted as missing,
    case
      when t.confirmed + t.substituted > t.released then 'over'
      when t.released = 0 then 'cancelled'
      when t.confirmed + t.substituted = t.released then 'shipped'
      when t.is_final then 'short'
      when t.due_at <= (select b.as_of from {{ source('ops', 'current_batch') }} as b) then 'expired'
      when t.is_served then 'partly'
      else 'open'
    end as state
  from totals as t
)

select
  release,
  item,
  location,
  released,
  confirmed,
  substituted,
  case when state in ('partly', 'open') then missing else 0 end as outstanding,
  case when state = 'short' then missing else 0 end as back_order,
  state,
  state in ('partly', 'open') as is_open,
  released_at,
  due_at,
  {{ current_batch_id() }} as batch_id
from states
