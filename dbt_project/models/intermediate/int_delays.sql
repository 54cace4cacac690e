{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- Discrepancies that known facts in flight explain (semantics §6, `delay`; ADR 0013): all of one document, or all there
-- are, add up to one of the variances; or our own pushes to the one who speaks, which its number may lack (semantics
-- §16). One row per statement.

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

-- What a source speaks of as a target: corrections of ours that it may not have known. In order of sending.
asked as (
  select d.*, d.source as target
  from discrepancies as d
  where d.measure = 'on_hand' and d.key_lot = ''
),

pushed as (
  select
    s.fact_id as statement,
    s.variances,
    o.correction_id as told_by,
    o.shown - o.wanted as delta,
    row_number() over (partition by s.fact_id order by t.sent_at asc, {{ by_bytes('o.correction_id') }} asc) as place
  from asked as s
  cross join lateral {{ found(source('ops', 'outbox'), ['target', 'item', 'location'], 's') }} as o
  cross join lateral (
    select min(a.sent_at) as sent_at from {{ source('ops', 'push_attempts') }} as a where a.correction_id = o.correction_id
  ) as t
  where t.sent_at < s.window_to and o.wanted <> o.shown and (o.closed_at is null or o.closed_at >= s.window_from)
),

wholes as (
  select
    statement, variances, 1 as whole, min(place) as place, sum(delta)::bigint as total,
    array_agg(told_by order by place) as explained_by,
    max(due_at) filter (where not is_settled) as due_at
  from known
  group by statement, variances, source, document
  union all
  select
    statement, variances, 2, min(place), sum(delta)::bigint, array_agg(told_by order by place), max(due_at) filter (where not is_settled)
  from known
  group by statement, variances
  union all
  select statement, variances, 3, place, delta, array[told_by], null
  from pushed
  union all
  select statement, variances, 4, min(place), sum(delta)::bigint, array_agg(told_by order by place), null
  from pushed
  group by statement, variances
),

explanations as (
  select statement, variances, whole, place, total, explained_by, due_at from wholes
  union all
  select f.statement, f.variances, 5, 1, f.total + p.total, f.explained_by || p.explained_by, f.due_at
  from wholes as f
  inner join wholes as p on f.statement = p.statement and p.whole = 4
  where f.whole = 2
)

-- Several may fit: a document before everything, the one whose facts come first in §2 order; then what we pushed.
select distinct on (statement)
  statement as fact_id,
  explained_by,
  due_at
from explanations
where total = any(variances)
order by statement asc, whole asc, place asc
