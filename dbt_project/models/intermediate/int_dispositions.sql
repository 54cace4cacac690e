-- depends_on: {{ ref('int_anchors') }}

{{ config(
    materialized='incremental',
    unlogged=false,
    incremental_strategy='upsert_changed',
    unique_key='fact_id',
    on_schema_change='append_new_columns',
    indexes=[
      {'columns': ['fact_id'], 'unique': true},
      {'columns': ['item', 'location', 'measure', 'kind', 'disposition']},
      {'columns': ['disposition', 'item', 'location', 'measure']},
    ],
    pre_hook=['{{ forget_switched() }}', '{{ hash_joins() }}'],
) }}

-- Exactly one disposition for each fact (semantics §4), with its reason and the fact that decided it.

select
  t.fact_id,
  t.source,
  t.kind,
  t.item, t.location, t.measure, t.key_lot as lot,
  t.document_id,
  t.position,
  t.received_at,
  case
    when t.disposition is not null then t.disposition
    when t.kind = 'movement' then case when m.is_in_base then 'absorbed' else 'applied' end
    when s.is_applied then 'applied'
    when s.is_stale then 'stale'
    when c.verdict = 'discrepancy' then 'contradicted'
    else 'confirmed'
  end as disposition,
  case
    when t.disposition is not null then t.reason
    when t.kind = 'movement' then case when m.is_in_base then 'inside_base' end
    when s.is_applied then null
    when s.is_stale then 'before_primary'
    when d.fact_id is not null then 'in_flight'
    when not c.is_decided then case when c.verdict = 'discrepancy' then null else 'undecided' end
  end as reason,
  case
    when t.disposition is not null then t.decided_by
    -- Of an absorbed movement it is the base in force of its key (`balances.base_fact`), today's and tomorrow's.
    when t.kind = 'movement' then null
    when s.is_applied then null
    else c.compared_to
  end as decided_by,
  null::text as detail,
  -- The decision that answers a conflict: it holds no correction any more.
  t.decision_id,
  {{ current_batch_id() }} as batch_id
from {{ ref('int_tellings') }} as t
left join {{ ref('int_memberships') }} as m on t.fact_id = m.fact_id
left join {{ ref('int_statements') }} as s on t.fact_id = s.fact_id
left join {{ ref('int_comparisons') }} as c on t.fact_id = c.fact_id
left join {{ ref('int_delays') }} as d on t.fact_id = d.fact_id
where t.is_in_scope

{% if is_incremental() -%}
union all

-- A base that begins after `since` holds every movement before it: those that counted on top of the old one are inside.
select
  d.fact_id, d.source, d.kind, d.item, d.location, d.measure, d.lot, d.document_id, d.position, d.received_at,
  'absorbed', 'inside_base', null, d.detail, null, {{ current_batch_id() }}
from {{ ref('int_anchors') }} as a
inner join {{ ref('int_statements') }} as s on a.fact_id = s.fact_id and not s.is_base
inner join {{ this }} as d
  on a.item = d.item and a.location = d.location and a.measure = d.measure and a.key_lot = d.lot
  and d.kind = 'movement' and d.disposition = 'applied'
where not exists (select from {{ ref('int_tellings') }} as t where t.fact_id = d.fact_id)

{% endif -%}
union all

-- Facts that name no cell, because they could not be mapped or read.
select
  f.fact_id,
  f.source,
  f.kind,
  f.item, f.location, f.measure, f.lot,
  f.document_id,
  f.position,
  f.received_at,
  case when f.is_test then 'test' else 'quarantined' end,
  case when f.is_test then 'test_indicator' else f.quarantine_code end,
  null,
  f.quarantine_detail,
  null,
  {{ current_batch_id() }}
from {{ ref('stg_facts') }} as f
where (f.item is null or f.location is null or f.measure is null)
  {% if not is_rebuild() %}and f.batch_id = {{ current_batch_id() }}{% endif %}
