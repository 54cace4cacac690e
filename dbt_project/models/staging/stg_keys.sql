{{ config(
    materialized='incremental',
    incremental_strategy='upsert_changed',
    unique_key=['item', 'location', 'measure', 'lot', 'owner'],
    indexes=[
      {'columns': ['item', 'location', 'measure', 'lot', 'owner'], 'unique': true},
      {'columns': ['location', 'measure']},
      {'columns': ['batch_id']},
    ],
    pre_hook='{{ index_scans() }}',
) }}

-- What facts ever spoke of, so that a snapshot can be silent about it (semantics §15). A row stays when its facts go:
-- whoever reads it asks whether there still is one.

select distinct s.item, s.location, s.measure, s.lot, coalesce(s.owner, '') as owner, {{ current_batch_id() }} as batch_id
from {{ ref('stg_facts') }} as s
where s.derived_from is null and {{ makes_known('s') }}
  {% if not is_rebuild() %}and s.batch_id = {{ current_batch_id() }}{% endif %}
