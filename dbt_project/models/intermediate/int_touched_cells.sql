-- depends_on: {{ ref('stg_absences') }}

{{ config(
    materialized='table',
    indexes=[{'columns': ['item', 'location', 'measure'], 'unique': true}],
    pre_hook='{{ index_scans() }}',
) }}

-- The cells (item, location, measure) this batch must think about: everything downstream is bounded by them, and by
-- `since`: what of the cell begins before it stands as it is, summed up in a checkpoint (ADR 0011); -infinity: all of
-- the cell is thought about again.

{%- set checkpoints = checkpoint_relation() %}

{% if is_rebuild() -%}
select item, location, measure, '-infinity'::timestamptz as since
from {{ ref('stg_facts') }}
where item is not null and location is not null and measure is not null
group by item, location, measure
{%- else -%}
-- Facts that a decision of this batch chooses or answers: with all that is judged together with them, from the beginning.
with decided as (
  select s.fact_id, s.item, s.location, s.measure, s.kind, s.source, s.line_key, s.event_key
  from (
    select distinct unnest(d.answers || d.fact_id) as fact_id
    from {{ source('ops', 'current_decisions') }} as d
    where d.batch_id = {{ current_batch_id() }}
  ) as n
  cross join lateral {{ found(ref('stg_facts'), ['fact_id'], 'n') }} as s
  where s.item is not null and s.location is not null and s.measure is not null
),

changed as (
  select
    s.fact_id, s.item, s.location, s.measure, s.kind, s.source, s.line_key, s.event_key, s.sequence, s.received_at,
    s.said_from - (src.clock_skew_s + src.lag_s) * interval '1 second' as opens_at,
    false as is_decided
  from {{ ref('stg_facts') }} as s
  left join {{ source('ops', 'current_speakers') }} as src on s.source = src.source
  where s.batch_id = {{ current_batch_id() }} and s.item is not null and s.location is not null and s.measure is not null
  union all
  select d.fact_id, d.item, d.location, d.measure, d.kind, d.source, d.line_key, d.event_key, null, null, null, true
  from decided as d
),

-- Receipts of one line, and tellings of one event, are judged together, also where they name different items: which
-- receipt of a line is kept decides what its event is told by.
lines as (
  select
    s.fact_id, s.item, s.location, s.measure, s.source, s.event_key, s.said_from,
    c.kind = 'balance' or s.kind = 'balance' or c.is_decided as is_whole,
    c.is_decided
  from changed as c
  cross join lateral {{ found(ref('stg_facts'), ['line_key', 'source', 'location', 'measure'], 'c') }} as s
  where c.fact_id <> s.fact_id
),

events as (
  select fact_id, event_key, location, measure, is_decided from changed
  union
  select fact_id, event_key, location, measure, is_decided from lines
),

kin as (
  select item, location, measure, source, said_from, is_whole
  from lines
  union all
  select s.item, s.location, s.measure, s.source, s.said_from, e.is_decided
  from events as e
  cross join lateral {{ found(ref('stg_facts'), ['event_key', 'location', 'measure'], 'e') }} as s
  where e.fact_id <> s.fact_id
),

reasons as (
  select item, location, measure, opens_at, received_at, is_decided as is_whole
  from changed
  union all
  -- A balance that is revised may hand the base back to an older one: what stands before it does not stay.
  select
    k.item, k.location, k.measure, k.said_from - (src.clock_skew_s + src.lag_s) * interval '1 second', null,
    k.is_whole
  from kin as k
  left join {{ source('ops', 'current_speakers') }} as src on k.source = src.source
  union all
  select t.item, t.location, t.measure, null, null, true
  from {{ source('ops', 'key_triggers') }} as t
  where t.batch_id = {{ current_batch_id() }}
),

cells as (
  select
    item, location, measure,
    min(opens_at) as opens_at,
    min(received_at) as received_at,
    bool_or(is_whole) as is_whole
  from reasons
  group by item, location, measure
){% if checkpoints is none %}

select item, location, measure, '-infinity'::timestamptz as since
from cells
{%- else %},

-- The lowest new sequence of each source, by its name.
firsts as (
  select item, location, measure, jsonb_object_agg(source, sequence) as sequences
  from (
    select item, location, measure, source, min(sequence) as sequence
    from changed
    where sequence is not null
    group by item, location, measure, source
  ) as c
  group by item, location, measure
),

-- The latest checkpoint that nothing new can reach behind: neither by its time, nor by when it was heard, nor by its
-- place in the source's own order.
begun as (
  select c.item, c.location, c.measure, k.cut_at
  from cells as c
  left join firsts as f on c.item = f.item and c.location = f.location and c.measure = f.measure
  left join lateral (
    select p.cut_at
    from {{ checkpoints }} as p
    where p.item = c.item and p.location = c.location and p.measure = c.measure
      and p.closed_to <= c.opens_at and p.received_to < c.received_at
      and ((f.sequences ->> p.sequence_source)::bigint <= p.sequence_max) is not true
    order by p.cut_at desc
    limit 1
  ) as k on not c.is_whole
),

-- A sequence that runs back may be contradicted, and then it is none for the whole key (semantics §2).
steps as (
  select
    b.item, b.location, b.measure,
    s.sequence < max(s.sequence) over (
      partition by b.item, b.location, b.measure, s.source order by s.said_from asc, s.sequence asc
      rows between unbounded preceding and 1 preceding
    ) as is_back
  from begun as b
  cross join lateral {{ since('stg_facts', 'said_from', 'b', 'cut_at') }} as s
  where b.cut_at is not null and s.sequence is not null
),

doubtful as (
  select distinct item, location, measure
  from steps
  where is_back
)

select
  b.item, b.location, b.measure,
  case when d.item is null then coalesce(b.cut_at, '-infinity') else '-infinity' end as since
from begun as b
left join doubtful as d on b.item = d.item and b.location = d.location and b.measure = d.measure
{%- endif %}
{%- endif %}
