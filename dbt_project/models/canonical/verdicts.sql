-- depends_on: {{ ref('int_touched_cells') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_cells',
    unique_key='fact_id',
    meta={'begins': 'reported_from'},
    indexes=[{'columns': ['item', 'location', 'measure', 'reported_from']}],
    on_schema_change='fail',
    pre_hook='{{ hash_joins() }}',
) }}

-- The verdict on every balance statement, also from observers (semantics §6).

select
  s.fact_id,
  s.item,
  s.location,
  s.measure,
  s.key_lot as lot,
  s.source,
  s.quantity as reported,
  s.rec_from as reported_from,
  s.rec_to as reported_to,
  case when d.fact_id is not null then 'delay' else c.verdict end as verdict,
  c.is_decided,
  c.variances,
  c.reason,
  c.compared_to,
  d.explained_by,
  d.due_at,
  {{ current_batch_id() }} as batch_id
from {{ ref('int_statements') }} as s
inner join {{ ref('int_comparisons') }} as c on s.fact_id = c.fact_id
left join {{ ref('int_delays') }} as d on s.fact_id = d.fact_id
where not s.is_anchor
