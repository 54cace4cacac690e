{{ config(materialized='table', indexes=[{'columns': ['fact_id'], 'unique': true}, {'columns': ['item', 'location', 'measure', 'key_lot', 'ordinal'], 'unique': true}]) }}

-- Every balance statement that gets a verdict, in §2 order inside its key: whether it is applied, what it is compared
-- with, and which one is the base in force (semantics §4, §5).

-- What primary sources had told us by the time a statement was received; whatever became of those facts.
with told as (
  select
    t.*,
    max(case when t.role_rank = 3 and t.disposition is distinct from 'test' and t.disposition is distinct from 'quarantined' then t.window_from end)
      over heard as latest_primary_from,
    max(case when t.role_rank = 3 and t.disposition is distinct from 'test' and t.disposition is distinct from 'quarantined' then t.window_to end)
      over heard as latest_primary_to
  from {{ ref('int_tellings') }} as t
  where t.is_in_scope
  window heard as (partition by t.item, t.location, t.measure, t.key_lot order by t.received_at)
),

statements as (
  select
    t.*,
    row_number() over (
      partition by t.item, t.location, t.measure, t.key_lot order by {{ total_order('t') }}
    )::integer as ordinal,
    t.disposition is null and t.window_to <= t.latest_primary_from as is_stale,
    t.disposition is null and coalesce(t.latest_primary_to <= t.window_from, true) as is_newer,
    t.disposition is null and t.fact_id = first_value(t.fact_id) over (
      partition by t.item, t.location, t.measure, t.key_lot, t.disposition is null
      order by t.line_received_at, {{ total_order('t') }}
    ) as is_first_received
  from told as t
  where t.kind = 'balance' and (t.disposition is null or t.disposition = 'not_owner')
),

applied as (
  select
    s.*,
    s.disposition is null and (s.role_rank = 3 or s.is_first_received or (s.is_newer and s.is_stale is not true)) as is_applied
  from statements as s
),

compared as (
  select
    a.*,
    case when a.measure <> 'available' and a.reason is distinct from 'finer_than_grain' and a.reason is distinct from 'coarser_than_grain'
      then coalesce(
        max(case when a.is_applied then a.ordinal end) over (
          partition by a.item, a.location, a.measure, a.key_lot order by a.ordinal rows between unbounded preceding and 1 preceding
        ),
        min(case when a.is_applied then a.ordinal end) over (partition by a.item, a.location, a.measure, a.key_lot)
      ) end as compared_ordinal
  from applied as a
),

overtaken as (
  select distinct a.fact_id
  from compared as a
  inner join compared as b
    on a.item = b.item and a.location = b.location and a.measure = b.measure and a.key_lot = b.key_lot
  where a.is_applied and b.is_applied and {{ provably_before('a', 'b') }}
),

-- Of the applied balances not provably before another, the last in §2 order; a primary wins a tie of from and to.
bases as (
  select distinct on (c.item, c.location, c.measure, c.key_lot) c.fact_id
  from compared as c
  left join overtaken as o on c.fact_id = o.fact_id
  where c.is_applied and o.fact_id is null
  order by
    c.item asc, c.location asc, c.measure asc, c.key_lot asc,
    c.rec_from desc, c.rec_to desc, (c.role_rank = 3) desc, {{ total_order('c', 'desc') }}
)

select
  c.item, c.location, c.measure, c.key_lot,
  c.ordinal,
  c.fact_id,
  c.source,
  c.role_rank,
  c.quantity,
  c.quantities,
  c.rec_from,
  c.rec_to,
  c.window_from,
  c.window_to,
  c.has_lag,
  c.sequence,
  c.disposition,
  c.is_applied,
  c.is_stale is true as is_stale,
  c.is_applied and c.fact_id = first_value(c.fact_id) over (
    partition by c.item, c.location, c.measure, c.key_lot, c.is_applied order by c.ordinal
  ) as is_opening,
  b.fact_id is not null as is_base,
  case when c.compared_ordinal <> c.ordinal then c.compared_ordinal end as compared_ordinal
from compared as c
left join bases as b on c.fact_id = b.fact_id
