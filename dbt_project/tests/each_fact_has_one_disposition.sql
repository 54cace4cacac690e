{{ config(tags=['resolve']) }}

-- Exactly one disposition for each staged fact of the batch's cells, in its cell, and none for anything else (semantics
-- §4). Two are impossible: the fact is the key of the table. What stands before `since` was checked when it was decided.

{% if is_rebuild() -%}
with staged as (
  select fact_id, item, location, measure
  from {{ ref('stg_facts') }}
  where item is not null and location is not null and measure is not null
),

decided as (
  select fact_id, item, location, measure, disposition
  from {{ ref('int_dispositions') }}
  where item is not null and location is not null and measure is not null
)

select coalesce(s.fact_id, d.fact_id) as fact_id
from staged as s
full outer join decided as d
  on s.fact_id = d.fact_id and s.item = d.item and s.location = d.location and s.measure = d.measure
where s.fact_id is null or d.disposition is null
{%- else -%}
with staged as (
  select f.fact_id, f.item, f.location, f.measure
  from {{ ref('int_touched_cells') }} as c
  cross join lateral {{ since('stg_facts', 'said_from') }} as f
),

decided as (
  select d.fact_id
  from {{ ref('int_touched_cells') }} as c
  cross join lateral {{ found(ref('int_dispositions'), ['item', 'location', 'measure'], 'c') }} as d
  where c.since = '-infinity'
)

select s.fact_id
from staged as s
left join lateral {{ found(ref('int_dispositions'), ['fact_id', 'item', 'location', 'measure'], 's') }} as d on true
where d.disposition is null

union all

select d.fact_id
from decided as d
left join staged as s on d.fact_id = s.fact_id
where s.fact_id is null
{%- endif %}
