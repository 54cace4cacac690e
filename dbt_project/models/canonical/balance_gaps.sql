-- depends_on: {{ ref('int_touched_cells') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_cells',
    unique_key=['item', 'location', 'measure', 'lot', 'source', 'fact_id'],
    meta={'begins': 'reported_from'},
    on_schema_change='fail',
    pre_hook='{{ hash_joins() }}',
) }}

-- Where the balances that a source states with its movements do not follow from each other by its own movements between
-- them: a movement is missing between two of its sequence numbers, or one too many was told (ADR 0016). Judged inside one
-- source, whoever owns the number. A count begins anew: what it finds is no missing movement.

{%- set before_since %}
  m.item = f.item and m.location = f.location and m.measure = f.measure and m.source = f.source and m.lot = f.lot
  and m.said_from < f.since and m.sequence is not null and m.quarantine_code is null and not m.is_test
  and m.revision = 1 and not m.cancel
{%- endset %}

with doubted as (
  select distinct item, location, measure, source
  from {{ ref('int_tellings') }}
  where is_sequence_contradicted and is_in_scope
),

-- Only a movement that states the balance after it is judged; most sources never do.
books as (
  select distinct item, location, measure, lot, source
  from {{ ref('int_facts') }}
  where is_in_scope and kind = 'movement' and sequence is not null and balance_after is not null
),

told as (
  select
    f.item, f.location, f.measure, f.lot, f.source, f.fact_id, f.kind, f.sequence, f.quantity, f.balance_after, f.rec_from,
    -- An event told again moves the book once, at its first number.
    f.kind = 'movement' and row_number() over (
      partition by f.item, f.location, f.measure, f.lot, f.source, f.kind, f.event_key order by f.sequence, f.fact_id
    ) = 1 as is_moving
  from {{ ref('int_facts') }} as f
  inner join books as b
    on f.item = b.item and f.location = b.location and f.measure = b.measure and f.lot = b.lot and f.source = b.source
  left join doubted as d on f.item = d.item and f.location = d.location and f.measure = d.measure and f.source = d.source
  where f.is_in_scope and f.sequence is not null and f.disposition is null and f.revision = 1 and not f.cancel
    and d.source is null
),

numbered as (
  select
    t.item, t.location, t.measure, t.lot, t.source, t.sequence,
    coalesce(sum(t.quantity) filter (where t.is_moving), 0) as delta,
    max(t.quantity) filter (where t.kind = 'balance') as counted,
    max(t.balance_after) filter (where t.kind = 'movement') as stated,
    min(t.fact_id) filter (where t.balance_after is not null) as fact_id,
    min(t.rec_from) as reported_from
  from told as t
  group by t.item, t.location, t.measure, t.lot, t.source, t.sequence
),

moved as (
  select
    n.*,
    sum(n.delta) over (partition by n.item, n.location, n.measure, n.lot, n.source order by n.sequence) as total
  from numbered as n
),

statements as (
  select
    m.*,
    lag(m.sequence) over book as sequence_before,
    lag(coalesce(m.counted, m.stated) - m.total) over book as offset_before
  from moved as m
  where m.counted is not null or m.stated is not null
  window book as (partition by m.item, m.location, m.measure, m.lot, m.source order by m.sequence)
),

-- The first one after `since` follows from the last one before it: found by the index, and the movements after that.
firsts as (
  select s.*, c.since
  from statements as s
  inner join {{ ref('int_touched_cells') }} as c on s.item = c.item and s.location = c.location and s.measure = c.measure
  where s.sequence_before is null and s.counted is null and c.since > '-infinity'
),

earlier as (
  select
    f.item, f.location, f.measure, f.lot, f.source, f.sequence,
    p.sequence as sequence_before,
    p.stated + coalesce(b.delta, 0) as offset_before
  from firsts as f
  cross join lateral (
    select m.said_from
    from {{ ref('stg_facts') }} as m
    where {{ before_since }} and (m.balance_after is not null or m.kind = 'balance')
    order by m.said_from desc
    limit 1
  ) as latest
  cross join lateral (
    select m.sequence, m.said_from, case when m.kind = 'balance' then m.quantity else m.balance_after end as stated
    from {{ ref('stg_facts') }} as m
    where {{ before_since }} and (m.balance_after is not null or m.kind = 'balance')
      and m.said_from >= latest.said_from - interval '1 second'
    order by m.sequence desc, m.kind asc, stated desc
    limit 1
  ) as p
  left join lateral (
    select sum(m.quantity) as delta
    from {{ ref('stg_facts') }} as m
    where {{ before_since }} and m.kind = 'movement' and m.sequence > p.sequence
      and m.said_from >= p.said_from - interval '1 second'
      and not exists (
        select from {{ found(ref('stg_facts'), ['event_key', 'location', 'measure'], 'm') }} as o
        where o.item = m.item and o.lot = m.lot and o.source = m.source and o.kind = 'movement'
          and (o.sequence, o.fact_id) < (m.sequence, m.fact_id) and o.quarantine_code is null and not o.is_test
          and o.revision = 1 and not o.cancel
      )
  ) as b on true
),

compared as (
  select
    s.item, s.location, s.measure, s.lot, s.source, s.fact_id, s.sequence, s.stated, s.reported_from,
    coalesce(s.sequence_before, e.sequence_before) as sequence_before,
    coalesce(s.offset_before, e.offset_before) + s.total as expected
  from statements as s
  left join earlier as e
    on s.item = e.item and s.location = e.location and s.measure = e.measure and s.lot = e.lot and s.source = e.source
    and s.sequence = e.sequence
  where s.counted is null
)

select
  c.item,
  c.location,
  c.measure,
  c.lot,
  c.source,
  c.fact_id,
  c.sequence_before as after_sequence,
  c.sequence as before_sequence,
  c.expected::bigint as expected,
  c.stated::bigint as stated,
  (c.stated - c.expected)::bigint as missing,
  c.reported_from,
  {{ current_batch_id() }} as batch_id
from compared as c
where c.stated <> c.expected
