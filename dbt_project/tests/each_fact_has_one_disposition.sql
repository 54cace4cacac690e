{{ config(tags=['resolve']) }}

-- Exactly one disposition for each staged fact of the batch's cells, and none for anything else (semantics §4). Two
-- are impossible: the fact is the key of the table.

with staged as (
  select f.fact_id, f.item, f.location, f.measure
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_touched_cells') }} as c on f.item = c.item and f.location = c.location and f.measure = c.measure
),

decided as (
  select d.fact_id, d.item, d.location, d.measure, d.disposition
  from {{ ref('int_dispositions') }} as d
  inner join {{ ref('int_touched_cells') }} as c on d.item = c.item and d.location = c.location and d.measure = c.measure
)

select coalesce(s.fact_id, d.fact_id) as fact_id, d.disposition
from staged as s
full outer join decided as d on s.fact_id = d.fact_id and s.item = d.item and s.location = d.location and s.measure = d.measure
where s.fact_id is null or d.disposition is null
