{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- One row for each statement: its variance set, its verdict before what is in flight is asked (`int_delays`), and k*, the
-- position it stands at (semantics §5, §6).

{%- set cap = 4096 %}

with recursive pairs as (
  select
    s.fact_id,
    b.fact_id as compared_to,
    b.is_anchor as is_base_anchor,
    s.quantities,
    b.quantities as base_quantities,
    {{ provably_before('b', 's') }} as is_base_before,
    {{ provably_before('s', 'b') }} as is_base_after
  from {{ ref('int_statements') }} as s
  inner join {{ ref('int_statements') }} as b
    on s.item = b.item and s.location = b.location and s.measure = b.measure and s.key_lot = b.key_lot
    and s.compared_ordinal = b.ordinal
),

-- Q ⊆ P on sets. Only movements that may be in one position and not in the other matter.
crossings as (
  select
    p.fact_id,
    coalesce(array_agg(x.ordinal) filter (where x.side = 'in' and y.side = 'open'), '{}') as held_by_statement,
    coalesce(array_agg(x.ordinal) filter (where x.side = 'open' and y.side = 'in'), '{}') as held_by_base,
    bool_or(x.side = 'out' and y.side = 'in') as is_base_beyond,
    bool_or(x.side = 'in' and y.side = 'out') as is_statement_beyond
  from pairs as p
  inner join {{ ref('int_sides') }} as x on p.fact_id = x.statement
  inner join {{ ref('int_sides') }} as y on p.compared_to = y.statement and x.ordinal = y.ordinal
  where (p.is_base_before or p.is_base_after) and not p.is_base_anchor
  group by p.fact_id
),

-- Keys with uncertain movements (ADR 0013): of two positions every choice adds the difference that one of its
-- alternatives makes; what both hold cancels.
mixed as (
  select distinct p.fact_id, s.choices, s.shifts, q.shifts as base_shifts
  from pairs as p
  inner join {{ ref('int_shifts') }} as s on p.fact_id = s.statement
  inner join {{ ref('int_shifts') }} as q on p.compared_to = q.statement
),

alternatives as (
  select distinct m.fact_id, m.shifts, m.base_shifts, a.choice, a.shift - a.base_shift as amount
  from mixed as m
  cross join lateral unnest(m.choices, m.shifts, m.base_shifts) as a (choice, shift, base_shift)
),

-- One alternative of each choice, choice by choice, on distinct sums; more than the cap are dropped and found overfull.
drawn (fact_id, shifts, base_shifts, choice, amount) as (
  select fact_id, shifts, base_shifts, 0, 0::bigint
  from mixed
  union
  select n.fact_id, n.shifts, n.base_shifts, n.choice, n.amount
  from (
    select e.*, count(*) over (partition by e.fact_id, e.shifts, e.base_shifts) as sums
    from (
      select distinct d.fact_id, d.shifts, d.base_shifts, a.choice, d.amount + a.amount as amount
      from drawn as d
      inner join alternatives as a
        on d.fact_id = a.fact_id and d.shifts = a.shifts and d.base_shifts = a.base_shifts and a.choice = d.choice + 1
    ) as e
  ) as n
  where n.sums <= {{ cap }}
),

sums as (
  select d.fact_id, d.shifts, d.base_shifts, d.amount
  from drawn as d
  inner join mixed as m
    on d.fact_id = m.fact_id and d.shifts = m.shifts and d.base_shifts = m.base_shifts
    and d.choice = m.choices[cardinality(m.choices)]
),

overfull as (
  select distinct m.fact_id
  from mixed as m
  where not exists (
    select from sums as d where d.fact_id = m.fact_id and d.shifts = m.shifts and d.base_shifts = m.base_shifts
  )
),

positions as not materialized (
  select p.statement, p.size, p.members, p.total, p.is_capped, h.shifts
  from {{ ref('int_positions') }} as p
  left join {{ ref('int_shifts') }} as h
    on p.statement = h.statement and p.size = h.size and p.members is not distinct from h.members
),

combinations as (
  select
    p.fact_id,
    s.size,
    s.members,
    s.total,
    r.report - (b.report + s.total - q.total) - coalesce(d.amount, 0) as variance
  from pairs as p
  inner join positions as s on p.fact_id = s.statement
  inner join positions as q on p.compared_to = q.statement
  left join sums as d on p.fact_id = d.fact_id and s.shifts = d.shifts and q.shifts = d.base_shifts
  left join crossings as c on p.fact_id = c.fact_id
  cross join lateral unnest(p.quantities) as r (report)
  cross join lateral unnest(p.base_quantities) as b (report)
  where not s.is_capped and not q.is_capped
    and not exists (select from overfull as o where o.fact_id = p.fact_id)
    and case
      when p.is_base_anchor then true
      when p.is_base_before then
        case when s.members is null then q.size <= s.size
          else not c.is_base_beyond and c.held_by_base <@ s.members and q.members <@ (s.members || c.held_by_statement) end
      when p.is_base_after then
        case when s.members is null then s.size <= q.size
          else not c.is_statement_beyond and c.held_by_statement <@ q.members and s.members <@ (q.members || c.held_by_base) end
      else true
    end
),

variances as (
  select fact_id, array_agg(distinct variance order by variance) as variances
  from combinations
  group by fact_id
),

-- k*: of the positions that make it match, the one with most movements, then the last in §2 order.
placed as (
  select distinct on (fact_id) fact_id, size, members, total
  from combinations
  where variance = 0
  order by fact_id asc, size desc, members desc
),

defaults as (
  select statement as fact_id, size, members, total
  from {{ ref('int_positions') }}
  where is_default
)

select
  s.fact_id,
  p.compared_to,
  coalesce(v.variances, '{}') as variances,
  case
    when v.variances is null then 'incomparable'
    when 0 = any(v.variances) then 'match'
    else 'discrepancy'
  end as verdict,
  coalesce(v.variances = array[0::bigint], false) as is_decided,
  case
    when v.variances is not null then null
    when p.compared_to is null then 'nothing_to_compare_with'
    else 'too_many_orders'
  end as reason,
  coalesce(k.size, d.size) as kstar_size,
  coalesce(k.members, d.members) as kstar_members,
  coalesce(k.total, d.total) as kstar_total
from {{ ref('int_statements') }} as s
left join pairs as p on s.fact_id = p.fact_id
left join variances as v on s.fact_id = v.fact_id
left join placed as k on s.fact_id = k.fact_id
left join defaults as d on s.fact_id = d.fact_id
where not s.is_anchor

union all

-- What was said of it stands; where it stands is needed by what follows.
select a.fact_id, null, '{}', 'incomparable', false, null, a.kstar_size, null, a.kstar_total
from {{ ref('int_anchors') }} as a
