{{ config(materialized='table', indexes=[
    {'columns': ['fact_id'], 'unique': true},
    {'columns': ['item', 'location', 'measure', 'key_lot', 'ordinal'], 'unique': true},
], pre_hook='{{ hash_joins() }}') }}

-- Every balance statement that gets a verdict, in §2 order inside its key: whether it is applied, what it is compared
-- with, and which one is the base in force (semantics §4, §5).

-- Only a secondary's balance asks what the primary had told.
with asked as (
  select distinct item, location, measure, key_lot
  from {{ ref('int_tellings') }}
  where is_in_scope and kind = 'balance' and role_rank < 3 and disposition is null
),

-- What primary sources had told us by the time a statement was received; whatever became of those facts.
heard as (
  select
    t.fact_id,
    max(t.window_from) filter (where t.role_rank = 3 and coalesce(t.disposition, '') not in ('test', 'quarantined'))
      over heard as latest_primary_from,
    max(t.window_to) filter (where t.role_rank = 3 and coalesce(t.disposition, '') not in ('test', 'quarantined'))
      over heard as latest_primary_to
  from {{ ref('int_tellings') }} as t
  inner join asked as a
    on t.item = a.item and t.location = a.location and t.measure = a.measure and t.key_lot = a.key_lot
  where t.is_in_scope
  window heard as (partition by t.item, t.location, t.measure, t.key_lot order by t.received_at)
),

-- A source that was primary and secondary in turn is compared with its own primary facts by interval and sequence,
-- not by windows. Rare, so only such sources pay for it.
turns as (
  select item, location, measure, key_lot, source
  from {{ ref('int_tellings') }}
  where is_in_scope and (role_rank = 3 or (role_rank = 2 and kind = 'balance' and disposition is null))
  group by item, location, measure, key_lot, source
  having min(role_rank) < max(role_rank)
),

turned as (
  select
    s.fact_id,
    bool_or({{ provably_before('s', 'p') }}) as is_stale,
    bool_and({{ provably_before('p', 's') }}) as is_newer
  from {{ ref('int_tellings') }} as s
  inner join turns as t
    on s.item = t.item and s.location = t.location and s.measure = t.measure and s.key_lot = t.key_lot and s.source = t.source
  inner join {{ ref('int_tellings') }} as p
    on s.item = p.item and s.location = p.location and s.measure = p.measure and s.key_lot = p.key_lot
    and p.role_rank = 3 and s.received_at >= p.received_at and p.is_in_scope
    and p.disposition is distinct from 'test' and p.disposition is distinct from 'quarantined'
  where s.role_rank = 2 and s.kind = 'balance' and s.disposition is null and exists (select from turns)
  group by s.fact_id
),

statements as (
  select
    t.*,
    row_number() over (
      partition by t.item, t.location, t.measure, t.key_lot order by {{ total_order('t') }}
    )::integer as ordinal,
    t.disposition is null and coalesce(r.is_stale, t.window_to <= h.latest_primary_from) as is_stale,
    t.disposition is null and coalesce(r.is_newer, h.latest_primary_to <= t.window_from, true) as is_newer,
    first_value(t.fact_id) over (
      partition by t.item, t.location, t.measure, t.key_lot, t.disposition is null
      order by t.line_received_at, {{ total_order('t') }}
    ) as first_received
  from {{ ref('int_tellings') }} as t
  left join heard as h on t.fact_id = h.fact_id
  left join turned as r on t.fact_id = r.fact_id
  where t.is_in_scope and t.kind = 'balance' and (t.disposition is null or t.disposition = 'not_owner')
),

applied as (
  select
    s.item, s.location, s.measure, s.key_lot, s.ordinal, s.fact_id, s.kind, s.source, s.line_key, s.revision, s.role_rank,
    s.quantity, s.quantities, s.rec_from, s.rec_to, s.window_from, s.window_to, s.has_lag, s.sequence, s.disposition,
    s.is_comparable, s.is_stale, s.received_at,
    coalesce(a.first_received_fact, case when s.disposition is null then s.first_received end) as first_received_fact,
    s.disposition is null and (
      s.role_rank = 3 or s.fact_id = coalesce(a.first_received_fact, s.first_received) or (s.is_newer and s.is_stale is not true)
    ) as is_applied,
    false as is_anchor
  from statements as s
  left join {{ ref('int_anchors') }} as a
    on s.item = a.item and s.location = a.location and s.measure = a.measure and s.key_lot = a.key_lot

  union all

  -- The last balance applied before `since` stands in for all before it.
  select
    a.item, a.location, a.measure, a.key_lot, 0, a.fact_id, 'balance', a.source, a.line_key, a.revision, a.role_rank,
    a.quantity, a.quantities, a.rec_from, a.rec_to, a.window_from, a.window_to, a.has_lag, a.sequence, null,
    false, false, a.received_to, a.first_received_fact,
    true, true
  from {{ ref('int_anchors') }} as a
),

compared as (
  select
    a.*,
    case when a.is_comparable then coalesce(
        max(case when a.is_applied then a.ordinal end) over (
          partition by a.item, a.location, a.measure, a.key_lot order by a.ordinal rows between unbounded preceding and 1 preceding
        ),
        min(case when a.is_applied then a.ordinal end) over (partition by a.item, a.location, a.measure, a.key_lot)
      ) end as compared_ordinal
  from applied as a
),

-- Of the applied balances not provably before another, the last in §2 order. Found without comparing all pairs: what
-- ends before the last one of its source begins, or whose window does before another's, is overtaken; only what is
-- left can be overtaken by sequence.
last_begins as (
  select item, location, measure, key_lot, source, max(rec_from) as rec_from, max(window_from) as window_from
  from compared
  where is_applied
  group by item, location, measure, key_lot, source
),

standing as (
  select c.*
  from compared as c
  where c.is_applied and not exists (
    select from last_begins as l
    where l.item = c.item and l.location = c.location and l.measure = c.measure and l.key_lot = c.key_lot
      and case when l.source = c.source then c.rec_to <= l.rec_from else c.window_to <= l.window_from end
  )
),

-- A primary wins a tie of from and to.
bases as (
  select distinct on (c.item, c.location, c.measure, c.key_lot) c.fact_id
  from standing as c
  where not exists (
    select from compared as b
    where b.is_applied
      and b.item = c.item and b.location = c.location and b.measure = c.measure and b.key_lot = c.key_lot
      and {{ provably_before('c', 'b') }}
  )
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
  c.received_at,
  c.first_received_fact,
  c.line_key,
  c.revision,
  c.is_applied,
  c.is_anchor,
  c.is_stale is true as is_stale,
  -- The ledger books the base in force last, so it opens only where it stands alone.
  c.is_applied and c.fact_id = first_value(c.fact_id) over (
    partition by c.item, c.location, c.measure, c.key_lot, c.is_applied order by b.fact_id is not null, c.ordinal
  ) as is_opening,
  b.fact_id is not null as is_base,
  case when c.compared_ordinal <> c.ordinal then c.compared_ordinal end as compared_ordinal
from compared as c
left join bases as b on c.fact_id = b.fact_id
