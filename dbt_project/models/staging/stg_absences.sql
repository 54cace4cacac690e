-- depends_on: {{ ref('stg_facts') }}
-- depends_on: {{ ref('stg_keys') }}
-- depends_on: {{ ref('stg_snapshots') }}

{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ index_scans() }}',
    post_hook='{{ state_absences() }}',
) }}

-- Statements that a proven document makes without a line of its own: 0 of every known key in its scope that it does not
-- name, and at item grain the sum of its finer lines (semantics §15). Those of the batch's documents, and of new keys in
-- the documents there are. Into stg_facts with them: from there on each is a fact like any other.

with judged as (
  select snapshot_id
  from {{ ref('stg_facts') }}
  where snapshot_id is not null {% if not is_rebuild() %}and batch_id = {{ current_batch_id() }}{% endif %}
),

revisions as (
  select distinct o.snapshot_id
  from (select distinct snapshot_id from judged) as j
  cross join lateral {{ found(ref('stg_snapshots'), ['snapshot_id'], 'j') }} as s
  cross join lateral {{ found(ref('stg_snapshots'), ['source', 'document_key'], 's') }} as o
),

scopes as (
  select s.*, l.location, m.measure
  from revisions as r
  cross join lateral {{ found(ref('stg_snapshots'), ['snapshot_id'], 'r') }} as s
  cross join lateral unnest(s.locations) as l (location)
  cross join lateral unnest(s.measures) as m (measure)
  where s.is_proven
),

pairs as (
  select s.snapshot_id, k.item, s.location, s.measure, k.lot, k.owner
  from scopes as s
  cross join lateral {{ found(ref('stg_keys'), ['location', 'measure'], 's') }} as k
  {%- if not is_rebuild() %}
  union
  select s.snapshot_id, k.item, k.location, k.measure, k.lot, k.owner
  from {{ ref('stg_keys') }} as k
  inner join {{ ref('stg_snapshots') }} as s on k.location = any(s.locations) and k.measure = any(s.measures)
  where k.batch_id = {{ current_batch_id() }} and s.is_proven
  {%- endif %}
),

-- A time without a zone is in its source's, else in that of the location: the as-of of each place (semantics §2).
placed as (
  select
    s.snapshot_id, p.location, s.source, s.received_at, src.clock_skew_s,
    {{ time_parts('s.recorded') }} as parts,
    coalesce(src.timezone, l.timezone) as zone
  from (select distinct snapshot_id, location from pairs) as p
  inner join {{ ref('stg_snapshots') }} as s on p.snapshot_id = s.snapshot_id
  inner join {{ source('ops', 'current_speakers') }} as src on s.source = src.source
  inner join {{ source('ops', 'current_locations') }} as l on p.location = l.location
),

walled as materialized (
  select
    p.*,
    {{ wall_time('p.parts') }} as wall,
    case when p.parts[6] is null then {{ wall_time('p.parts') }} at time zone p.zone
      else ({{ wall_time('p.parts') }} - ({{ zone_offset('p.parts') }})) at time zone 'UTC' end as first_reading
  from placed as p
),

-- Where daylight saving skips the hour there was no such instant, and the document says nothing of the place.
timed as (
  select
    w.snapshot_id,
    w.location,
    least(w.first_reading, case when w.parts[6] is null then {{ other_reading('w.first_reading', 'w.wall', 'w.zone') }} end) as said_from,
    case
      when w.parts[2] is null then least(
        (w.wall + interval '1 day') at time zone w.zone,
        {{ other_reading("((w.wall + interval '1 day') at time zone w.zone)", "(w.wall + interval '1 day')", 'w.zone') }}
      )
      else greatest(w.first_reading, case when w.parts[6] is null then {{ other_reading('w.first_reading', 'w.wall', 'w.zone') }} end)
        + case when w.parts[4] is null then interval '1 minute' when w.parts[5] is null then interval '1 second'
          else interval '1 microsecond' end
    end as said_to,
    w.received_at + w.clock_skew_s * interval '1 second' as credible_to
  from walled as w
  where not {{ is_skipped('w.parts', 'w.first_reading', 'w.wall', 'w.zone') }}
),

grained as (
  select
    p.snapshot_id, p.item, p.location, p.measure, p.lot, p.owner, i.item_class, i.base_uom,
    s.said_from, s.said_to,
    {{ grain_at('p.measure', 'p.location', 'i.item_class', 's.said_from') }} as grain
  from pairs as p
  inner join timed as s on p.snapshot_id = s.snapshot_id and p.location = s.location and s.credible_to >= s.said_from
  inner join {{ source('ops', 'current_items') }} as i on p.item = i.item
),

keys as (
  select distinct
    g.snapshot_id, g.item, g.location, g.measure, g.item_class, g.base_uom, g.grain, g.said_from, g.said_to,
    {{ key_part('g.grain', 'g.lot', 'g.owner') }} as part
  from grained as g
  where (g.grain = 'item' or {{ key_part('g.grain', 'g.lot', 'g.owner') }} <> '') and exists (
    select from {{ ref('stg_facts') }} as f
    where f.item = g.item and f.location = g.location and f.measure = g.measure and f.lot = g.lot and coalesce(f.owner, '') = g.owner
      and f.derived_from is null and {{ makes_known('f') }}
      and (g.grain <> 'serial' or f.quantity between case f.kind when 'movement' then -1 else 0 end and 1)
  )
),

lines as (
  select
    k.snapshot_id, f.fact_id, f.item, f.location, f.measure, f.lot, coalesce(f.owner, '') as owner, f.quantity,
    f.quantity_alternatives
  from (select distinct snapshot_id from keys) as k
  cross join lateral {{ found(ref('stg_facts'), ['snapshot_id'], 'k') }} as f
),

absences as (
  select
    k.snapshot_id, k.item, k.location, k.measure, k.item_class, k.base_uom, k.said_from, k.said_to, 'absent' as word, 0::bigint as quantity,
    case when k.grain = 'owner' then '' else k.part end as lot,
    case when k.grain = 'owner' then k.part else '' end as owner,
    k.part, null::text[] as parts
  from keys as k
  where not exists (
    select from lines as l
    where l.snapshot_id = k.snapshot_id and l.item = k.item and l.location = k.location and l.measure = k.measure
      and (k.grain = 'item' or {{ key_part('k.grain', 'l.lot', 'l.owner') }} in (k.part, ''))
  )
),

-- Several lines of one key, and lines finer than it, are parts of its number: their sum says it, and they are evidence.
sums as (
  select
    k.snapshot_id, k.item, k.location, k.measure, k.item_class, k.base_uom, k.said_from, k.said_to, 'sum' as word,
    sum(l.quantity)::bigint as quantity,
    case when k.grain = 'owner' then '' else k.part end as lot,
    case when k.grain = 'owner' then k.part else '' end as owner,
    k.part, array_agg(l.fact_id order by {{ by_bytes('l.fact_id') }}) as parts
  from keys as k
  inner join lines as l
    on k.snapshot_id = l.snapshot_id and k.item = l.item and k.location = l.location and k.measure = l.measure
    and {{ key_part('k.grain', 'l.lot', 'l.owner') }} = k.part
  group by k.snapshot_id, k.item, k.location, k.measure, k.item_class, k.base_uom, k.said_from, k.said_to, k.grain, k.part
  having bool_and(l.quantity_alternatives is null) and (
    count(*) > 1
    or bool_or(k.grain not in ('lot', 'serial') and l.lot <> '' or k.grain <> 'owner' and l.owner <> '')
  )
),

stated as (
  select * from absences
  union all
  select * from sums
)

select
  concat_ws(
    '/', t.snapshot_id, t.word, {{ in_path('t.item') }}, {{ in_path('t.location') }}, t.measure, nullif({{ in_path('t.part') }}, '')
  ) as fact_id,
  s.document_id,
  t.word as position,
  s.received_at,
  s.source,
  s.feed,
  s.system,
  t.item,
  t.item_class,
  t.location,
  t.measure,
  t.lot,
  t.owner,
  t.quantity,
  t.parts,
  t.said_from,
  t.said_to,
  concat_ws('/', s.document_key, t.word, {{ in_path('t.item') }}, nullif({{ in_path('t.part') }}, '')) as line_key,
  s.snapshot_id as derived_from,
  t.base_uom as uom,
  s.recorded
from stated as t
inner join {{ ref('stg_snapshots') }} as s on t.snapshot_id = s.snapshot_id
