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

-- Hardly a line or an event is told twice. What is told once is answered where it stands; only the others are compared.
-- By a hash: facts that merely share one are compared too, and found to be alone.
shared_lines as (
  select {{ key_hash('source', 'line_key', 'location', 'measure') }} as line_hash
  from {{ ref('int_facts') }}
  group by line_hash
  having count(*) > 1
),

shared_events as (
  select {{ key_hash('event_key', 'location', 'measure') }} as event_hash
  from {{ ref('int_facts') }}
  group by event_hash
  having count(*) > 1
),

facts as not materialized (
  select
    f.*,
    f.kind = 'movement' as is_movement,
    f.role_rank = 3 or (f.role_rank = 2 and f.applies_movements) as is_heard,
    l.line_hash is null and e.event_hash is null as is_alone
  from {{ ref('int_facts') }} as f
  left join shared_lines as l on {{ key_hash('f.source', 'f.line_key', 'f.location', 'f.measure') }} = l.line_hash
  left join shared_events as e on {{ key_hash('f.event_key', 'f.location', 'f.measure') }} = e.event_hash
),

shared as (
  select
    f.*,
    -- The body of the identity rules (semantics §1): as-of of a balance before any cut; a cancel says 0.
    jsonb_build_array(
      f.kind, f.item, f.stock_part, case when f.cancel then 0 else f.quantity end, f.cancel,
      case when f.kind = 'balance' then jsonb_build_array(f.rec_from, f.said_to) end
    )::text as body,
    c.choice
  from facts as f
  left join chosen as c on f.fact_id = c.fact_id
  where f.disposition is null and not f.is_alone
),

lines as (
  select
    s.*,
    first_value(s.fact_id) over line as line_kept,
    first_value(s.body) over line as line_body,
    s.fact_id = first_value(s.fact_id) over line as is_line_kept
  from shared as s
  window line as (
    partition by s.source, s.line_key, s.location, s.measure, s.revision order by s.choice desc nulls last, {{ kept_order('s') }}
  )
),

-- Revisions of a balance line. One with another item or lot than the lowest, or the chosen one, replaces nothing.
balance_lines as (
  select
    l.*,
    first_value(l.item) over lowest = l.item and first_value(l.stock_part) over lowest = l.stock_part as is_same_stock,
    first_value(l.fact_id) over lowest as stock_by
  from lines as l
  where not l.is_movement and l.is_line_kept
  window lowest as (partition by l.source, l.line_key, l.location, l.measure order by l.choice desc nulls last, l.revision asc)
),

revised_balances as (
  select
    b.*,
    first_value(b.fact_id) over latest as latest_fact,
    first_value(b.cancel) over latest as latest_cancels,
    min(b.received_at) over (partition by b.source, b.line_key, b.location, b.measure, b.is_same_stock) as line_received_at
  from balance_lines as b
  window latest as (
    partition by b.source, b.line_key, b.location, b.measure, b.is_same_stock order by b.revision desc
  )
),

-- Events are told by movements only, and only by sources whose movements count.
tellings as (
  select
    l.*,
    first_value(l.source) over event as event_source,
    first_value(l.fact_id) over event as event_kept
  from lines as l
  where l.is_movement and l.is_line_kept and l.is_heard
  window event as (
    partition by l.event_key, l.location, l.measure order by l.choice desc nulls last, l.role_rank desc, {{ kept_order('l') }}
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
    first_value(o.item) over lowest = o.item and first_value(o.stock_part) over lowest = o.stock_part as is_same_stock
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

-- What became of the tellings that were compared; of a kept balance, how it stands among the revisions of its line.
compared as (
  select
    l.fact_id, case when l.body = l.line_body then 'duplicate' else 'conflict' end as disposition, 'same_line' as reason,
    l.line_kept as decided_by, null::bigint as delta,
    null::boolean as is_same_stock, null::text as stock_by, null::text as latest_fact, null::boolean as latest_cancels,
    null::timestamptz as line_received_at
  from lines as l
  where not l.is_line_kept

  union all

  select
    b.fact_id, null, null, null, null, b.is_same_stock, b.stock_by, b.latest_fact, b.latest_cancels, b.line_received_at
  from revised_balances as b

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
    null, null, null, null, null
  from own_tellings as o
  left join own_revisions as r on o.fact_id = r.fact_id
  left join counted as c on o.fact_id = c.fact_id

  union all

  select
    t.fact_id, case when a.is_equal then 'duplicate' else 'conflict' end, 'same_event', t.event_kept, null,
    null, null, null, null, null
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
  select distinct on (c.fact_id) c.fact_id, d.decision_id
  from compared as c
  inner join seen as d on c.fact_id = d.answered
  where d.kind = 'accept' or d.fact_id = coalesce(c.decided_by, c.stock_by)
  order by c.fact_id asc, d.decided_at desc, {{ by_bytes('d.decision_id') }} desc
),

-- Not materialized: there is a row for every fact, and each that follows reads few columns of it.
told as not materialized (
  select
    f.*,
    c.disposition as lost,
    c.reason as lost_reason,
    c.decided_by as lost_to,
    case
      when c.fact_id is not null then c.delta
      when f.is_heard then case when f.cancel then 0 else f.quantity end
    end as booked,
    coalesce(c.is_same_stock, true) as is_same_stock,
    c.stock_by,
    coalesce(c.latest_fact, f.fact_id) as latest_fact,
    coalesce(c.latest_cancels, f.cancel) as latest_cancels,
    coalesce(c.line_received_at, f.received_at) as kept_received_at,
    a.decision_id
  from facts as f
  left join compared as c on f.fact_id = c.fact_id
  left join answered as a on f.fact_id = a.fact_id
),

decided as not materialized (
  select
    t.*,
    case
      when t.disposition is not null then t.disposition -- test, quarantined, echo
      when t.lost is not null then t.lost
      when t.is_movement then case when not t.is_heard then 'not_owner' end
      when t.is_same_stock and (t.fact_id <> t.latest_fact or t.latest_cancels) then 'superseded'
      when t.role_rank = 1 or t.measure = 'available' then 'not_owner'
      when t.is_coarser or t.is_finer or t.is_part then 'not_owner'
      when not t.is_same_stock then 'conflict'
    end as settled,
    case
      when t.disposition is not null then t.reason
      when t.lost is not null then t.lost_reason
      when t.is_movement then
        case when not t.is_heard then case when t.role_rank = 2 then 'secondary_movement' else 'observer' end end
      when t.is_same_stock and t.fact_id <> t.latest_fact then 'later_revision'
      when t.is_same_stock and t.latest_cancels then 'cancelled'
      when t.measure = 'available' then 'derived_measure'
      when t.role_rank = 1 then 'observer'
      when t.is_coarser then 'coarser_than_grain'
      when t.is_finer then 'finer_than_grain'
      when t.is_part then 'part_of_a_sum'
      when not t.is_same_stock then 'revision_of_other_stock'
    end as settled_reason
  from told as t
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
  where sequence is not null and {{ is_kept('settled') }}
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
  where d.sequence is not null and {{ is_kept('d.settled') }}
  union all
  select d.item, d.location, d.measure, d.key_lot, d.source, d.rec_from, 1, d.sequence
  from decided as d
  inner join doubtful as u
    on d.item = u.item and d.location = u.location and d.measure = u.measure and d.key_lot = u.key_lot and d.source = u.source
  where d.sequence is not null and {{ is_kept('d.settled') }}
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
  case when not d.is_movement and d.disposition is null and d.lost is null then d.kept_received_at end as line_received_at,
  d.line_key,
  d.event_key,
  d.revision,
  case when c.source is null then d.sequence end as sequence,
  c.source is not null and d.sequence is not null as is_sequence_contradicted,
  d.role_rank,
  d.is_comparable,
  d.document_id,
  d.position,
  d.is_alone,
  d.serves,
  d.is_final,
  case when d.disposition is null and d.is_movement then d.booked end as delta,
  d.settled as disposition,
  d.settled_reason as reason,
  case
    when d.lost is not null then d.lost_to
    when d.settled = 'superseded' then d.latest_fact
    when d.settled = 'conflict' then d.stock_by
  end as decided_by,
  case when d.settled = 'conflict' then d.decision_id end as decision_id
from decided as d
left join contradicted as c
  on d.item = c.item and d.location = c.location and d.measure = c.measure and d.key_lot = c.key_lot and d.source = c.source
