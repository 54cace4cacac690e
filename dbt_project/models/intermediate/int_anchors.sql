-- depends_on: {{ ref('int_touched_cells') }}

{{ config(materialized='table', indexes=[{'columns': ['item', 'location', 'measure', 'key_lot'], 'unique': true}]) }}

-- The checkpoints this batch builds on: for each key of a cell that is not thought about from the beginning, what stands
-- before `since`, and the last balance applied there (ADR 0011).

{%- set checkpoints = checkpoint_relation() %}

{% if is_rebuild() or checkpoints is none -%}
select {{ no_checkpoint() }}
where false
{%- else -%}
select {{ checkpoint_columns('k') }}
from {{ checkpoints }} as k
inner join {{ ref('int_touched_cells') }} as c
  on k.item = c.item and k.location = c.location and k.measure = c.measure and k.cut_at = c.since
{%- endif %}
