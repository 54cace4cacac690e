-- depends_on: {{ ref('stg_facts') }}
-- depends_on: {{ ref('int_touched_cells') }}
-- depends_on: {{ ref('int_facts') }}

{{ config(
    materialized='table',
    indexes=[{'columns': ['release', 'location'], 'unique': true}],
    pre_hook='{{ index_scans() }}',
) }}

-- Releases this batch must think about: what it heard of them or of what serves them, and those that expire now.

{% if is_rebuild() -%}
select distinct event_key as release, location
from {{ ref('stg_facts') }}
where measure = 'provisional' and kind = 'movement' and item is not null and location is not null
{%- else -%}
{%- set releases = existing_relation('canonical', 'releases') -%}
select event_key as release, location from {{ ref('int_facts') }} where measure = 'provisional' and kind = 'movement'
union
select serves, location from {{ ref('int_facts') }} where measure = 'on_hand' and serves is not null
{%- if releases is not none %}
union
select release, location
from {{ releases }}
where is_open and due_at <= (select b.as_of from {{ source('ops', 'current_batch') }} as b)
-- What a document no longer says is not among the facts: all that its cells had to do with is looked at again.
union
select r.release, r.location
from {{ ref('int_touched_cells') }} as c
cross join lateral {{ found(releases, ['item', 'location'], 'c') }} as r
where exists (
  select from {{ source('ops', 'redrives') }} as d where d.batch_id = {{ current_batch_id() }} and d.is_switched
)
{%- endif %}
{%- endif %}
