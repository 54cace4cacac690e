{{ config(materialized='table', indexes=[
    {'columns': ['fact_id'], 'unique': true},
    {'columns': ['item', 'location', 'measure', 'key_lot']},
], pre_hook='{{ hash_joins() }}') }}

-- The first nine rows of semantics §4: which receipt of a line and which telling of an event is kept, and what
-- each counted movement adds (`delta`). `disposition` stays null for facts that only the balance rules can judge.

-- Tellings that a person chose to keep, each with the latest choice that names it (semantics §4). There are as many as
-- people decided: they are read whole.
with choices as (
  select fact_id, row_number() over (order by decided_at, {{ by_bytes('decision_id') }}) as choice
  from {{ source('ops', 'current_decisions') }}
  where kind = 'keep'
),

chosen as (
  select fact_id, max(choice) as choice
  from choices
  group by fact_id
),

-- Hardly a line or an event is told twice: the windows below see only those that are.
shared_lines as (
  select source, line_key, location, measure, revision
  from {{ ref('int_facts') }}
  where disposition is null
  group by source, line_key, location, measure, revision
  having count(*) > 1
),

lines as (
  select
    f.*,
    f.fact_id as line_kept,
    f.body as line_body,
    true as is_line_kept,
    -- Answered here, as booleans: below, the planner knows nothing of these columns and would expect next to no rows.
    f.kind = 'movement' as is_movement,
    f.role_rank = 3 or (f.role_rank = 2 and f.applies_movements) as is_heard,
    c.choice
  from {{ ref('int_facts') }} as f
  left join chosen as c on f.fact_id = c.fact_id
  where f.disposition is null and not exists (
    select from shared_lines as s
    where s.source = f.source and s.line_key = f.line_key and s.location = f.location and s.measure = f.measure
      and s.revision = f.revision
  )

  union all

  select
    f.*,
    first_value(f.fact_id) over line as line_kept,
    first_value(f.body) over line as line_body,
    f.fact_id = first_value(f.fact_id) over line as is_line_kept,
    f.kind = 'movement' as is_movement,
    f.role_rank = 3 or (f.role_rank = 2 and f.applies_movements) as is_heard,
    c.choice
  from {{ ref('int_facts') }} as f
  inner join shared_lines as s
    on f.source = s.source and f.line_key = s.line_key and f.location = s.location and f.measure = s.measure
    and f.revision = s.revision
  left join chosen as c on f.fact_id = c.fact_id
  where f.disposition is null
  window line as (
    partition by f.source, f.line_key, f.location, f.measure, f.revision order by c.choice desc nulls last, {{ kept_order('f') }}
  )
),

-- Revisions of a balance line. One with another item or lot than the lowest, or the chosen one, replaces nothing.
revised_lines as (
  select source, line_key, location, measure
  from lines
  where not is_movement and is_line_kept
  group by source, line_key, location, measure
  having count(*) > 1
),

balance_lines as (
  select
    l.*,
    first_value(l.item) over lowest = l.item and first_value(l.stock_lot) over lowest = l.stock_lot as is_same_stock,
    first_value(l.fact_id) over lowest as stock_by
  from lines as l
  inner join revised_lines as r
    on l.source = r.source and l.line_key = r.line_key and l.location = r.location and l.measure = r.measure
  where not l.is_movement and l.is_line_kept
  window lowest as (partition by l.source, l.line_key, l.location, l.measure order by l.choice desc nulls last, l.revision asc)
),

balances as (
  select
    b.*,
    first_value(b.fact_id) over latest as latest_fact,
    first_value(b.cancel) over latest as latest_cancels,
    min(b.received_at) over (partition by b.source, b.line_key, b.location, b.measure, b.is_same_stock) as line_received_at
  from balance_lines as b
  window latest as (
    partition by b.source, b.line_key, b.location, b.measure, b.is_same_stock order by b.revision desc
  )

  union all

  select
    l.*, true as is_same_stock, l.fact_id as stock_by, l.fact_id as latest_fact, l.cancel as latest_cancels,
    l.received_at as line_received_at
  from lines as l
  where not l.is_movement and l.is_line_kept and not exists (
    select from revised_lines as r
    where r.source = l.source and r.line_key = l.line_key and r.location = l.location and r.measure = l.measure
  )
),

judged_balances as (
  select
    b.*,
    case
      when b.is_same_stock and (b.fact_id <> b.latest_fact or b.latest_cancels) then 'superseded'
      when b.role_rank = 1 or b.measure = 'available' then 'not_owner'
      when b.grain = 'item' and b.lot <> '' then 'not_owner'
      when b.grain = 'lot' and b.lot = '' then 'not_owner'
      when not b.is_same_stock then 'conflict'
    end as verdict_so_far,
    case
      when b.is_same_stock and b.fact_id <> b.latest_fact then 'later_revision'
      when b.is_same_stock and b.latest_cancels then 'cancelled'
      when b.measure = 'available' then 'derived_measure'
      when b.role_rank = 1 then 'observer'
      when b.grain = 'item' and b.lot <> '' then 'finer_than_grain'
      when b.grain = 'lot' and b.lot = '' then 'coarser_than_grain'
      when not b.is_same_stock then 'revision_of_other_stock'
    end as why
  from balances as b
),

-- Events are told by movements only, and only by sources whose movements count.
heard_tellings as (
  select l.*
  from lines as l
  where l.is_movement and l.is_line_kept and l.is_heard
),

shared_events as (
  select event_key, location, measure
  from heard_tellings
  group by event_key, location, measure
  having count(*) > 1
),

tellings as (
  select
    h.*,
    first_value(h.source) over event as event_source,
    first_value(h.fact_id) over event as event_kept
  from heard_tellings as h
  inner join shared_events as e on h.event_key = e.event_key and h.location = e.location and h.measure = e.measure
  window event as (
    partition by h.event_key, h.location, h.measure order by h.choice desc nulls last, h.role_rank desc, {{ kept_order('h') }}
  )
),

own_tellings as (
  select
    t.*,
    first_value(t.fact_id) over revision as revision_kept,
    first_value(t.body) over revision as revision_body
  from tellings as t
  where t.source = t.event_source
  window revision as (
    partition by t.event_key, t.location, t.measure, t.revision order by t.choice desc nulls last, {{ kept_order('t') }}
  )
),

own_revisions as (
  select
    o.*,
    first_value(o.item) over lowest = o.item and first_value(o.stock_lot) over lowest = o.stock_lot as is_same_stock
  from own_tellings as o
  where o.fact_id = o.revision_kept
  window lowest as (partition by o.event_key, o.location, o.measure order by o.choice desc nulls last, o.revision asc)
),

-- A later revision of a movement books the difference at its own time; the earlier one stays where it is.
counted as (
  select
    r.fact_id,
    r.event_key,
    r.location,
    r.measure,
    r.body,
    (case when r.cancel then 0 else r.quantity end)
    - lag(case when r.cancel then 0 else r.quantity end, 1, 0::bigint)
      over (partition by r.event_key, r.location, r.measure order by r.revision) as delta
  from own_revisions as r
  where r.is_same_stock
),

-- Another source is compared by its latest telling with every revision that counts; its tellings share one answer.
other_latest as (
  select distinct on (t.event_key, t.location, t.measure, t.source) t.event_key, t.location, t.measure, t.source, t.body
  from tellings as t
  where t.source <> t.event_source
  order by t.event_key asc, t.location asc, t.measure asc, t.source asc, t.revision desc, {{ kept_order('t') }}
),

other_answers as (
  select o.event_key, o.location, o.measure, o.source, coalesce(bool_or(c.body = o.body), false) as is_equal
  from other_latest as o
  left join counted as c on o.event_key = c.event_key and o.location = c.location and o.measure = c.measure
  group by o.event_key, o.location, o.measure, o.source
),

answers as (
  -- test, quarantined, echo
  select f.fact_id, f.disposition, f.reason, null::text as decided_by, null::bigint as delta,
    null::timestamptz as line_received_at
  from {{ ref('int_facts') }} as f
  where f.disposition is not null

  union all

  select l.fact_id, case when l.body = l.line_body then 'duplicate' else 'conflict' end, 'same_line', l.line_kept, null, null
  from lines as l
  where not l.is_line_kept

  union all

  select
    b.fact_id, b.verdict_so_far, b.why,
    case b.verdict_so_far when 'superseded' then b.latest_fact when 'conflict' then b.stock_by end, null, b.line_received_at
  from judged_balances as b

  union all

  select l.fact_id, 'not_owner', case when l.role_rank = 2 then 'secondary_movement' else 'observer' end, null, null, null
  from lines as l
  where l.is_movement and l.is_line_kept and not l.is_heard

  union all

  -- Told once: it counts.
  select h.fact_id, null, null, null, case when h.cancel then 0 else h.quantity end, null
  from heard_tellings as h
  where not exists (
    select from shared_events as e
    where e.event_key = h.event_key and e.location = h.location and e.measure = h.measure
  )

  union all

  select
    o.fact_id,
    case
      when o.fact_id <> o.revision_kept then case when o.body = o.revision_body then 'duplicate' else 'conflict' end
      when not r.is_same_stock then 'conflict'
    end,
    case when o.fact_id <> o.revision_kept then 'same_event' when not r.is_same_stock then 'revision_of_other_stock' end,
    case when o.fact_id <> o.revision_kept then o.revision_kept when not r.is_same_stock then o.event_kept end,
    c.delta,
    null
  from own_tellings as o
  left join own_revisions as r on o.fact_id = r.fact_id
  left join counted as c on o.fact_id = c.fact_id

  union all

  select t.fact_id, case when a.is_equal then 'duplicate' else 'conflict' end, 'same_event', t.event_kept, null, null
  from tellings as t
  inner join other_answers as a
    on t.event_key = a.event_key and t.location = a.location and t.measure = a.measure and t.source = a.source
),

-- A conflict is answered by who accepted it, or who chose the telling that it lost to after seeing it.
seen as (
  select unnest(answers) as answered, decision_id, kind, fact_id, decided_at
  from {{ source('ops', 'current_decisions') }}
),

answered as (
  select distinct on (a.fact_id) a.fact_id, d.decision_id
  from answers as a
  inner join seen as d on a.fact_id = d.answered
  where a.disposition = 'conflict' and (d.kind = 'accept' or d.fact_id = a.decided_by)
  order by a.fact_id asc, d.decided_at desc, {{ by_bytes('d.decision_id') }} desc
),

decided as (
  select
    f.*,
    a.disposition as settled,
    a.reason as settled_reason,
    a.decided_by,
    a.delta,
    a.line_received_at,
    w.decision_id,
    coalesce(a.disposition, '') not in ('test', 'quarantined', 'duplicate', 'conflict') as is_kept
  from {{ ref('int_facts') }} as f
  inner join answers as a on f.fact_id = a.fact_id
  left join answered as w on f.fact_id = w.fact_id
),

-- A sequence that contradicts a pair of kept facts with disjoint times is none for that key, everywhere.
-- Where sequences rise with the times they begin at, none is contradicted; the others are swept: at each begin, the
-- greatest sequence that has already ended must not be higher.
steps as (
  select
    item, location, measure, key_lot, source,
    sequence < lag(sequence) over (
      partition by item, location, measure, key_lot, source order by rec_from asc, sequence asc
    ) as is_back
  from decided
  where is_kept and sequence is not null
),

doubtful as (
  select distinct item, location, measure, key_lot, source
  from steps
  where is_back
),

boundaries as (
  select d.item, d.location, d.measure, d.key_lot, d.source, d.rec_to as instant, 0 as is_begin, d.sequence
  from decided as d
  inner join doubtful as u
    on d.item = u.item and d.location = u.location and d.measure = u.measure and d.key_lot = u.key_lot and d.source = u.source
  where d.is_kept and d.sequence is not null
  union all
  select d.item, d.location, d.measure, d.key_lot, d.source, d.rec_from, 1, d.sequence
  from decided as d
  inner join doubtful as u
    on d.item = u.item and d.location = u.location and d.measure = u.measure and d.key_lot = u.key_lot and d.source = u.source
  where d.is_kept and d.sequence is not null
),

swept as (
  select
    item, location, measure, key_lot, source, is_begin, sequence,
    max(case when is_begin = 0 then sequence end) over (
      partition by item, location, measure, key_lot, source order by instant asc, is_begin asc
      rows between unbounded preceding and current row
    ) as ended
  from boundaries
),

contradicted as (
  select distinct item, location, measure, key_lot, source
  from swept
  where is_begin = 1 and ended > sequence
)

select
  d.fact_id,
  d.is_in_scope,
  d.source,
  d.feed,
  d.kind,
  d.item,
  d.item_class,
  d.location,
  d.measure,
  d.lot,
  d.key_lot,
  d.quantity,
  d.quantities,
  d.rec_from,
  d.rec_to,
  d.window_from,
  d.window_to,
  d.has_lag,
  d.received_at,
  d.line_received_at,
  d.line_key,
  d.event_key,
  d.revision,
  case when c.source is null then d.sequence end as sequence,
  c.source is not null and d.sequence is not null as is_sequence_contradicted,
  d.role_rank,
  d.is_comparable,
  d.document_id,
  d.position,
  d.delta,
  d.settled as disposition,
  d.settled_reason as reason,
  d.decided_by,
  d.decision_id
from decided as d
left join contradicted as c
  on d.item = c.item and d.location = c.location and d.measure = c.measure and d.key_lot = c.key_lot and d.source = c.source
