{{ config(
    materialized='table',
    indexes=[{'columns': ['item', 'location', 'measure', 'key_lot', 'fact_id', 'choice', 'alternative'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- Counted movements inside whose interval a unit factor changes (semantics §1; ADR 0013). Of the factors one was in force
-- when it happened: a `choice`. `shift` is what another `alternative` adds to the booked `delta`, which takes the first.
-- A revision books a difference to the telling before it, so it hangs on that telling's choice too; tellings of one event
-- in one unit that see the same factors share theirs.

with uncertain_events as (
  select distinct event_key, location, measure
  from {{ ref('int_tellings') }}
  where cardinality(quantities) > 1 and delta is not null and is_in_scope
),

revisions as (
  select
    c.*,
    lag(c.fact_id) over (partition by c.event_key, c.location, c.measure order by c.revision) as revised_fact
  from {{ ref('int_tellings') }} as c
  inner join uncertain_events as u on c.event_key = u.event_key and c.location = u.location and c.measure = u.measure
  where c.delta is not null and c.is_in_scope
),

amounts as (
  select
    r.item, r.location, r.measure, r.key_lot, r.fact_id, r.event_key,
    s.uom,
    s.factor_days,
    a.alternative::integer as alternative,
    a.amount - r.quantity as shift
  from revisions as r
  cross join lateral {{ found(ref('stg_facts'), ['fact_id'], 'r') }} as s
  cross join lateral unnest(r.quantities) with ordinality as a (amount, alternative)
  where cardinality(r.quantities) > 1
),

numbered as (
  select
    a.*,
    dense_rank() over (
      partition by a.item, a.location, a.measure, a.key_lot
      order by a.event_key asc, a.uom asc, a.factor_days asc
    )::integer as choice
  from amounts as a
),

booked as (
  select item, location, measure, key_lot, fact_id, choice, alternative, shift
  from numbered
  union all
  select n.item, n.location, n.measure, n.key_lot, r.fact_id, n.choice, n.alternative, -n.shift
  from numbered as n
  inner join revisions as r on n.fact_id = r.revised_fact
)

select
  b.item, b.location, b.measure, b.key_lot,
  b.fact_id,
  b.choice,
  b.alternative,
  sum(b.shift)::bigint as shift
from booked as b
group by b.item, b.location, b.measure, b.key_lot, b.fact_id, b.choice, b.alternative
