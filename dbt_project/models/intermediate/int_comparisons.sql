{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- One row for each statement: its variance set, its verdict and k*, the position it stands at (semantics §5, §6).

with pairs as (
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

combinations as (
  select
    p.fact_id,
    s.size,
    s.members,
    s.total,
    r.report - (b.report + s.total - q.total) as variance
  from pairs as p
  inner join {{ ref('int_positions') }} as s on p.fact_id = s.statement
  inner join {{ ref('int_positions') }} as q on p.compared_to = q.statement
  left join crossings as c on p.fact_id = c.fact_id
  cross join lateral unnest(p.quantities) as r (report)
  cross join lateral unnest(p.base_quantities) as b (report)
  where not s.is_capped and not q.is_capped
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
