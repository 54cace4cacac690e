{{ config(
    materialized='table',
    indexes=[{'columns': ['statement']}],
    pre_hook='{{ hash_joins() }}',
) }}

-- The positions of every statement (semantics §5): sets of counted movements closed under `provably before` that hold
-- every `in` and no `out`. `total` is the sum of the position, `size` its number of movements; `members` lists the
-- `open` ones it holds (null on chains, where a position is a prefix of length `size`).
-- More than 4,096 positions: only the default one stands here (`is_capped`), with the sums of what may move.

{%- set cap = 4096 %}

with recursive chain_bounds as (
  select
    s.fact_id as statement,
    s.item, s.location, s.measure, s.key_lot,
    coalesce(max(m.ordinal) filter (where {{ provably_before('m', 's') }}), min(a.movements), 0) as least,
    coalesce(
      min(m.ordinal) filter (where {{ provably_before('s', 'm') }}) - 1, coalesce(min(a.movements), 0) + count(m.ordinal)::integer
    ) as most,
    coalesce(
      max(m.ordinal) filter (where m.rec_from < s.rec_to and not {{ provably_before('s', 'm') }}), min(a.movements), 0
    ) as usual,
    coalesce(min(a.total), 0) as total_before
  from {{ ref('int_statements') }} as s
  left join {{ ref('int_movements') }} as m
    on s.item = m.item and s.location = m.location and s.measure = m.measure and s.key_lot = m.key_lot
  left join {{ ref('int_anchors') }} as a
    on s.item = a.item and s.location = a.location and s.measure = a.measure and s.key_lot = a.key_lot
  where not s.is_anchor
  group by s.fact_id, s.item, s.location, s.measure, s.key_lot
  having coalesce(bool_and(m.is_chain), true)
),

chain_sizes as (
  select
    b.*,
    greatest(b.least, least(b.usual, b.most)) as default_size,
    b.most - b.least + 1 > {{ cap }} as is_capped
  from chain_bounds as b
),

chain_positions as (
  select
    c.statement,
    n.size,
    coalesce(m.prefix_sum, c.total_before)::bigint as total,
    n.size = c.default_size as is_default,
    c.is_capped
  from chain_sizes as c
  cross join lateral generate_series(
    case when c.is_capped then c.default_size else c.least end,
    case when c.is_capped then c.default_size else greatest(c.most, c.least) end
  ) as n (size)
  left join {{ ref('int_movements') }} as m
    on c.item = m.item and c.location = m.location and c.measure = m.measure and c.key_lot = m.key_lot and n.size = m.ordinal
),

-- What a capped chain may add or take at most: every open movement in or out.
chain_slack as (
  select
    c.statement,
    (c.total_before + coalesce(sum(m.delta) filter (where m.ordinal <= c.least), 0))::bigint as total_in,
    coalesce(sum(least(m.delta, 0)) filter (where m.ordinal > c.least), 0)::bigint as open_down,
    coalesce(sum(greatest(m.delta, 0)) filter (where m.ordinal > c.least), 0)::bigint as open_up
  from chain_sizes as c
  left join {{ ref('int_movements') }} as m
    on c.item = m.item and c.location = m.location and c.measure = m.measure and c.key_lot = m.key_lot and c.most >= m.ordinal
  where c.is_capped
  group by c.statement, c.total_before
),

set_sides as (
  select
    x.statement,
    (coalesce(min(a.total), 0) + coalesce(sum(x.delta) filter (where x.side = 'in'), 0))::bigint as total_in,
    coalesce(min(a.movements), 0) + count(*) filter (where x.side = 'in')::integer as size_in,
    coalesce(sum(least(x.delta, 0)) filter (where x.side = 'open'), 0)::bigint as open_down,
    coalesce(sum(greatest(x.delta, 0)) filter (where x.side = 'open'), 0)::bigint as open_up
  from {{ ref('int_sides') }} as x
  inner join {{ ref('int_statements') }} as s on x.statement = s.fact_id
  left join {{ ref('int_anchors') }} as a
    on s.item = a.item and s.location = a.location and s.measure = a.measure and s.key_lot = a.key_lot
  group by x.statement
),

-- Closure: with a lag it is asked only among movements of one source (semantics §5).
open_pairs as (
  select a.statement, a.ordinal as earlier, b.ordinal as later
  from {{ ref('int_sides') }} as a
  inner join {{ ref('int_sides') }} as b on a.statement = b.statement and a.ordinal <> b.ordinal
  where a.side = 'open' and b.side = 'open' and (not a.has_lag or a.source = b.source) and {{ provably_before('a', 'b') }}
),

-- What may force an open movement to one side: it meets the statement's window, or overlaps open movements. Anything
-- farther away that is ordered with an open movement would have ordered that movement with the statement too.
reach as (
  select statement, min(rec_from) as open_from, max(rec_to) as open_to
  from {{ ref('int_sides') }}
  where side = 'open'
  group by statement
),

settled as (
  select x.*
  from {{ ref('int_sides') }} as x
  inner join reach as r on x.statement = r.statement
  where x.side <> 'open' and (x.is_near or (x.rec_from < r.open_to and r.open_from < x.rec_to))
),

-- Forced: what must be in because something in comes after it, out because something out comes before it.
forced as (
  select
    o.statement,
    o.ordinal,
    coalesce(bool_or(x.side = 'in' and {{ provably_before('o', 'x') }}), false) as is_in,
    coalesce(bool_or(x.side = 'out' and {{ provably_before('x', 'o') }}), false) as is_out
  from {{ ref('int_sides') }} as o
  left join settled as x on o.statement = x.statement and (not o.has_lag or o.source = x.source)
  where o.side = 'open'
  group by o.statement, o.ordinal
),

linked as (
  select statement, later as ordinal, earlier as other, true as is_before
  from open_pairs
  union all
  select statement, earlier, later, false
  from open_pairs
),

neighbours as (
  select
    statement,
    ordinal,
    array_agg(other order by other) filter (where is_before) as before,
    array_agg(other order by other) filter (where not is_before) as after
  from linked
  group by statement, ordinal
),

-- Steps in an order in which few branches die: by number of open predecessors, then by ordinal.
steps as (
  select
    o.statement,
    o.ordinal,
    o.delta,
    o.is_default,
    f.is_in,
    f.is_out,
    coalesce(p.before, '{}') as before,
    coalesce(p.after, '{}') as after,
    row_number() over (partition by o.statement order by coalesce(cardinality(p.before), 0), o.ordinal)::integer as step,
    count(*) over (partition by o.statement)::integer as steps
  from {{ ref('int_sides') }} as o
  inner join forced as f on o.statement = f.statement and o.ordinal = f.ordinal
  left join neighbours as p on o.statement = p.statement and o.ordinal = p.ordinal
  where o.side = 'open'
),

-- Every closed set, step by step. A statement with more than the cap at some step is dropped here and found capped.
walk (statement, step, steps, size, usual, total, members, excluded, n) as (
  select s.statement, 0, coalesce(max(t.steps), 0), 0, 0, 0::bigint, '{}'::integer[], '{}'::integer[], 1::bigint
  from set_sides as s
  left join steps as t on s.statement = t.statement
  group by s.statement

  union all

  select e.statement, e.step, e.steps, e.size, e.usual, e.total, e.members, e.excluded, e.n
  from (
    select
      w.statement,
      t.step,
      w.steps,
      w.size + case when c.takes then 1 else 0 end as size,
      w.usual + case when c.takes and t.is_default then 1 else 0 end as usual,
      w.total + case when c.takes then t.delta else 0 end as total,
      case when c.takes then w.members || t.ordinal else w.members end as members,
      case when c.takes then w.excluded else w.excluded || t.ordinal end as excluded,
      count(*) over (partition by w.statement) as n
    from walk as w
    inner join steps as t on w.statement = t.statement and t.step = w.step + 1
    cross join (values (true), (false)) as c (takes)
    where case
      when c.takes then not t.is_out and not t.before && w.excluded
      else not t.is_in and not t.after && w.members
    end
  ) as e
  where e.n <= {{ cap }}
),

set_positions as (
  select
    w.statement,
    s.size_in + w.size as size,
    s.total_in + w.total as total,
    -- The default position: of the movements that do not begin after the statement ends it holds all it may, of the
    -- others only what closure adds.
    row_number() over (partition by w.statement order by w.usual desc, w.size asc) = 1 as is_default,
    (select coalesce(array_agg(x order by x desc), '{}') from unnest(w.members) as x) as members
  from walk as w
  inner join set_sides as s on w.statement = s.statement
  where w.step = w.steps
),

capped_sets as (
  select s.statement
  from set_sides as s
  where not exists (select from set_positions as p where p.statement = s.statement)
),

-- The same default position where the sets are too many to list: what an `out` comes before is out, with all after it.
barred (statement, ordinal) as (
  select f.statement, f.ordinal
  from forced as f
  inner join capped_sets as c on f.statement = c.statement
  where f.is_out
  union
  select p.statement, p.later
  from barred as b
  inner join open_pairs as p on b.statement = p.statement and b.ordinal = p.earlier
),

taken (statement, ordinal) as (
  select o.statement, o.ordinal
  from steps as o
  inner join capped_sets as c on o.statement = c.statement
  where (o.is_default or o.is_in)
    and not exists (select from barred as b where b.statement = o.statement and b.ordinal = o.ordinal)
  union
  select p.statement, p.earlier
  from taken as t
  inner join open_pairs as p on t.statement = p.statement and t.ordinal = p.later
),

default_members as (
  select t.statement, array_agg(t.ordinal order by t.ordinal desc) as members, sum(s.delta)::bigint as total
  from taken as t
  inner join steps as s on t.statement = s.statement and t.ordinal = s.ordinal
  group by t.statement
)

select
  p.statement, p.size, p.total, null::integer[] as members, p.is_default, p.is_capped,
  k.total_in, k.open_down, k.open_up
from chain_positions as p
left join chain_slack as k on p.statement = k.statement

union all

select
  p.statement, p.size, p.total, p.members, p.is_default, false as is_capped,
  null, null, null
from set_positions as p

union all

select
  c.statement, s.size_in + coalesce(cardinality(d.members), 0), s.total_in + coalesce(d.total, 0), coalesce(d.members, '{}'),
  true, true, s.total_in, s.open_down, s.open_up
from capped_sets as c
inner join set_sides as s on c.statement = s.statement
left join default_members as d on c.statement = d.statement

union all

-- Of a balance before `since` only the sums of its positions are kept: whatever follows holds them all.
select
  a.fact_id, a.kstar_size, n.total, null, n.total = a.kstar_total, a.is_capped,
  null, null, null
from {{ ref('int_anchors') }} as a
cross join lateral unnest(a.position_totals) as n (total)
