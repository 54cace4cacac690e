{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- Discrepancies that known facts in flight explain (semantics §6, `delay`; ADR 0013): all of one document, or all there
-- are, add up to one of the variances. One row per statement.

with discrepancies as (
  select
    s.*,
    c.variances,
    c.compared_to
  from {{ ref('int_statements') }} as s
  inner join {{ ref('int_comparisons') }} as c on s.fact_id = c.fact_id
  where c.verdict = 'discrepancy' and not s.is_anchor
),

-- The statement may know them, what it is compared with does not surely know them, and the owner was not overdue.
known as (
  select
    s.fact_id as statement,
    s.variances,
    f.fact_id as told_by,
    f.source,
    f.document,
    f.delta,
    f.is_settled,
    f.due_at,
    row_number() over (partition by s.fact_id order by {{ total_order('f') }}) as place
  from discrepancies as s
  inner join {{ ref('int_in_flight') }} as f
    on s.item = f.item and s.location = f.location and s.measure = f.measure and s.key_lot = f.key_lot
    and s.window_from < f.due_at
  inner join {{ ref('int_statements') }} as b on s.compared_to = b.fact_id
  where f.delta <> 0 and not {{ provably_before('s', 'f') }} and not {{ provably_before('f', 'b') }}
    -- The owner has told the event: only where that is provably later was it in flight.
    and not exists (
      select from {{ ref('int_tellings') }} as t
      where t.event_key = f.event_key and t.location = f.location and t.measure = f.measure and t.delta is not null
        and not (t.item = s.item and t.key_lot = s.key_lot and {{ provably_before('s', 't') }})
    )
),

explanations as (
  select
    statement, variances, false as is_everything, min(place) as place, sum(delta)::bigint as total,
    array_agg(told_by order by place) as explained_by,
    max(due_at) filter (where not is_settled) as due_at
  from known
  group by statement, variances, source, document
  union all
  select
    statement, variances, true, min(place), sum(delta)::bigint, array_agg(told_by order by place), max(due_at) filter (where not is_settled)
  from known
  group by statement, variances
)

-- Several may fit: a document before everything, the one whose facts come first in §2 order.
select distinct on (statement)
  statement as fact_id,
  explained_by,
  due_at
from explanations
where total = any(variances)
order by statement asc, is_everything asc, place asc
