{{ config(
    materialized='incremental',
    incremental_strategy='upsert_changed',
    unique_key='snapshot_id',
    indexes=[{'columns': ['snapshot_id'], 'unique': true}, {'columns': ['source', 'document_key']}, {'columns': ['batch_id']}],
    pre_hook='{{ index_scans() }}',
) }}

-- Documents whose lines are facts: whether what they do not name is 0 (semantics §15). A batch judges those it has a line
-- of, and every other revision of them.

with heard as (
  select distinct snapshot_id
  from {{ ref('stg_facts') }}
  where snapshot_id is not null {% if not is_rebuild() %}and batch_id = {{ current_batch_id() }}{% endif %}
),

documents as (
  select distinct on (o.snapshot_id) o.*
  from heard as h
  cross join lateral {{ found(source('raw', 'snapshots'), ['snapshot_id'], 'h') }} as c
  cross join lateral {{ found(source('raw', 'snapshots'), ['source', 'document_key'], 'c') }} as o
  order by o.snapshot_id
),

-- A document that nothing was read of is none.
lines as (
  select
    d.snapshot_id,
    min(s.document_id) as document_id,
    min(s.feed) as feed,
    min(s.said_from) as said_from,
    bool_and(
      s.kind = 'balance' and not s.is_test and not s.cancel and s.quarantine_code is null and s.recorded = d.recorded
      and s.source = d.source and s.measure = any(d.measures) and s.measure not in ('available', 'provisional')
      and (s.lot = '' or s.quantity in (0, 1) or {{ grain_at('s.measure', 's.location', 's.item_class', 's.said_from') }} <> 'serial')
    ) is true
    and count(distinct row(s.line_key, s.location, s.measure)) = count(*) as is_sound,
    array_agg(distinct s.location) as locations
  from documents as d
  cross join lateral {{ found(ref('stg_facts'), ['snapshot_id'], 'd') }} as s
  group by d.snapshot_id
),

-- The scope in our own names, at the document's time.
scopes as (
  select
    d.snapshot_id,
    array_agg(coalesce(own.location, every.location)) as locations,
    bool_and(coalesce(own.location, every.location) is not null) as is_mapped
  from documents as d
  inner join lines as l on d.snapshot_id = l.snapshot_id
  cross join lateral unnest(d.locations) as r (location_ref)
  left join {{ source('ops', 'current_location_crosswalk') }} as own
    on d.source = own.source and r.location_ref = own.location_ref and l.said_from >= own.valid_from and l.said_from < own.valid_to
  left join {{ source('ops', 'current_location_crosswalk') }} as every
    on every.source = '*' and r.location_ref = every.location_ref and l.said_from >= every.valid_from and l.said_from < every.valid_to
  group by d.snapshot_id
)

select
  d.snapshot_id,
  d.source,
  d.system,
  l.feed,
  d.document_key,
  d.revision,
  d.recorded,
  l.document_id,
  d.received_at,
  c.locations,
  d.measures,
  coalesce(
    d.declares_complete and position('/' in d.recorded) = 0 and num_nonnulls(d.control_lines, d.control_units) > 0 and l.is_sound
    and not d.measures && array['available', 'provisional']
    and c.is_mapped and l.locations <@ c.locations
    and not exists (
      select from documents as later
      inner join lines as read on later.snapshot_id = read.snapshot_id
      where later.source = d.source and later.document_key = d.document_key and later.revision > d.revision
    ), false
  ) as is_proven,
  {{ current_batch_id() }} as batch_id
from documents as d
inner join lines as l on d.snapshot_id = l.snapshot_id
left join scopes as c on d.snapshot_id = c.snapshot_id
