{{ config(materialized='table', indexes=[{'columns': ['item', 'location', 'measure'], 'unique': true}]) }}

-- The cells (item, location, measure) this batch must think about: everything downstream is bounded by them.

{% if is_rebuild() -%}
select distinct item, location, measure
from {{ ref('stg_facts') }}
where item is not null and location is not null and measure is not null
{%- else -%}
with changed as (
  select item, location, measure, event_key, source, line_key
  from {{ ref('stg_facts') }}
  where batch_id = {{ current_batch_id() }} and item is not null and location is not null and measure is not null
)

select item, location, measure
from changed

union

select t.item, t.location, t.measure
from {{ source('ops', 'key_triggers') }} as t
where t.batch_id = {{ current_batch_id() }}

union

-- Tellings of one event, or receipts of one line, may name different items: a new one concerns both cells.
select s.item, s.location, s.measure
from changed as c
inner join {{ ref('stg_facts') }} as s
  on c.event_key = s.event_key and c.location = s.location and c.measure = s.measure and c.item <> s.item

union

select s.item, s.location, s.measure
from changed as c
inner join {{ ref('stg_facts') }} as s
  on c.line_key = s.line_key and c.source = s.source and c.location = s.location and c.measure = s.measure and c.item <> s.item
{%- endif %}
