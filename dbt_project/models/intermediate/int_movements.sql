{{ config(
    materialized='table',
    indexes=[{'columns': ['item', 'location', 'measure', 'key_lot', 'ordinal'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- The movements that count, numbered inside their key. Where `provably before` orders them all (`is_chain`), every
-- position is a prefix of that order and sums are prefix sums; only other keys need sets (int_positions).

with counted as not materialized (
  select *
  from {{ ref('int_tellings') }}
  -- What is released has left nothing yet: no balance, no ledger (semantics §11).
  where delta is not null and is_in_scope and measure <> 'provisional'
),

shapes as (
  select
    c.item, c.location, c.measure, c.key_lot,
    min(c.source) = max(c.source) as is_one_source,
    count(*) = count(distinct c.sequence) as is_sequenced
  from counted as c
  group by c.item, c.location, c.measure, c.key_lot
),

followed as (
  select
    c.*,
    s.is_one_source,
    s.is_sequenced,
    lead(c.rec_from) over (
      partition by c.item, c.location, c.measure, c.key_lot order by {{ total_order('c') }}
    ) as next_from
  from counted as c
  inner join shapes as s
    on c.item = s.item and c.location = s.location and c.measure = s.measure and c.key_lot = s.key_lot
),

chained as (
  select
    f.*,
    f.is_one_source and (
      f.is_sequenced
      or bool_and(coalesce(f.rec_to <= f.next_from, true)) over (partition by f.item, f.location, f.measure, f.key_lot)
    ) as is_chain
  from followed as f
),

numbered as (
  select
    c.*,
    coalesce(a.movements, 0) + row_number() over (
      partition by c.item, c.location, c.measure, c.key_lot
      order by case when c.is_one_source and c.is_sequenced then c.sequence end, {{ total_order('c') }}
    )::integer as ordinal,
    coalesce(a.total, 0) as total_before
  from chained as c
  left join {{ ref('int_anchors') }} as a
    on c.item = a.item and c.location = a.location and c.measure = a.measure and c.key_lot = a.key_lot
)

select
  n.item, n.location, n.measure, n.key_lot,
  n.ordinal,
  n.fact_id,
  n.kind,
  n.source,
  n.line_key,
  n.revision,
  n.sequence,
  n.rec_from,
  n.rec_to,
  n.window_from,
  n.window_to,
  n.delta,
  n.is_chain,
  (n.total_before + sum(n.delta) over (
    partition by n.item, n.location, n.measure, n.key_lot order by n.ordinal rows between unbounded preceding and current row
  ))::bigint as prefix_sum
from numbered as n
