{{ config(
    materialized='table',
    indexes=[{'columns': ['statement']}],
    pre_hook='{{ hash_joins() }}',
) }}

-- Positions of statements of keys with uncertain movements (`int_choices`; ADR 0013). `shifts`: what the movements of the
-- position add beyond its booked total, one entry for each alternative of each choice (`choices` names it). `outside_least`
-- and `outside_most`: what the movements outside the position add at least and at most. Other keys have no row.

with keys as (
  select distinct item, location, measure, key_lot
  from {{ ref('int_choices') }}
),

-- An anchor has several positions of one size; it holds nothing of what is thought about here.
asked as (
  select distinct s.item, s.location, s.measure, s.key_lot, p.statement, p.size, p.members, p.is_capped, s.is_anchor
  from keys as k
  inner join {{ ref('int_statements') }} as s
    on k.item = s.item and k.location = s.location and k.measure = s.measure and k.key_lot = s.key_lot
  inner join {{ ref('int_positions') }} as p on s.fact_id = p.statement
),

numbered as (
  select a.*, row_number() over (order by a.statement, a.size, a.members) as position
  from asked as a
),

-- Where positions are too many to list (`is_capped`) a movement that is not provably before the statement may be outside.
placed as (
  select
    n.position, n.is_capped,
    c.choice, c.alternative, c.shift,
    not n.is_anchor and coalesce(
      case when m.is_chain then m.ordinal <= n.size else x.side = 'in' or m.ordinal = any(n.members) end, false
    ) as is_inside,
    not n.is_anchor and {{ provably_before('m', 's') }} as is_surely_inside
  from numbered as n
  inner join {{ ref('int_choices') }} as c
    on n.item = c.item and n.location = c.location and n.measure = c.measure and n.key_lot = c.key_lot
  inner join {{ ref('int_movements') }} as m on c.fact_id = m.fact_id
  inner join {{ ref('int_statements') }} as s on n.statement = s.fact_id
  left join {{ ref('int_sides') }} as x on n.statement = x.statement and m.ordinal = x.ordinal
),

drawn as (
  select
    position, choice, alternative,
    coalesce(sum(shift) filter (where is_inside), 0)::bigint as inside,
    coalesce(sum(case when is_capped then least(shift, 0) else shift end) filter (
      where case when is_capped then not is_surely_inside else not is_inside end
    ), 0)::bigint as outside_least,
    coalesce(sum(case when is_capped then greatest(shift, 0) else shift end) filter (
      where case when is_capped then not is_surely_inside else not is_inside end
    ), 0)::bigint as outside_most
  from placed
  group by position, choice, alternative
),

bounds as (
  select position, choice, min(outside_least) as outside_least, max(outside_most) as outside_most
  from drawn
  group by position, choice
),

widths as (
  select position, sum(outside_least)::bigint as outside_least, sum(outside_most)::bigint as outside_most
  from bounds
  group by position
),

shifts as (
  select
    position,
    array_agg(choice order by choice, alternative) as choices,
    array_agg(inside order by choice, alternative) as shifts
  from drawn
  group by position
)

select n.statement, n.size, n.members, x.choices, x.shifts, w.outside_least, w.outside_most
from numbered as n
inner join shifts as x on n.position = x.position
inner join widths as w on n.position = w.position
