{{ config(
    materialized='incremental',
    unlogged=false,
    incremental_strategy='replace_checkpoints',
    unique_key=['item', 'location', 'measure', 'cut_at'],
    indexes=[{'columns': ['item', 'location', 'measure', 'cut_at'], 'unique': true}],
    on_schema_change='fail',
    pre_hook='{{ hash_joins() }}',
) }}

-- Where the next batches may begin (ADR 0011): an instant of a cell that nothing that moves its numbers reaches across,
-- alone or with its line or event, so that everything before it is provably before everything after it; with all that
-- what comes later needs of what was before.
-- Only cells of one grain, under rules that never changed, whose sequence nobody contradicts, and that have a balance.

with steady_roles as (
  select measure, location, item_class
  from {{ ref('int_roles') }}
  where source = ''
  group by measure, location, item_class
  having count(*) = 1
),

cells as (
  select t.item, t.location, t.measure
  from {{ ref('int_tellings') }} as t
  inner join steady_roles as r on t.measure = r.measure and t.location = r.location and t.item_class = r.item_class
  left join {{ ref('int_anchors') }} as a on t.item = a.item and t.location = a.location and t.measure = a.measure
  where t.is_in_scope and t.measure <> 'provisional'
  group by t.item, t.location, t.measure
  having count(*) >= 2 * {{ checkpoint_facts() }}
    and max(t.key_lot) = ''
    and not bool_or(t.is_sequence_contradicted)
    and count(distinct t.source) filter (where t.sequence is not null) <= 1
    and bool_and(t.sequence is null or t.source = coalesce(a.sequence_source, t.source))
),

-- A balance that is not applied moves no number: it has its verdict from what it reaches, and keeps it as long as
-- nothing new comes into its window. Others may be cut from it, once it has begun. A report that only says its day would
-- keep the whole day open otherwise. What is in flight may explain a later statement until its owner is overdue; told by
-- the owner on the same side of the cut, it explains nothing after it.
tellings as (
  select
    t.item, t.location, t.measure, t.fact_id, t.source, t.line_key, t.event_key, t.received_at, t.sequence, t.delta, t.is_alone,
    t.window_from, t.window_to,
    case
      when t.kind = 'balance' and t.role_rank <= 2 and t.sequence is null and s.is_applied is not true
        then t.rec_from + interval '1 microsecond'
      when not f.is_settled then f.due_at
      else t.window_to
    end as bars_to
  from {{ ref('int_tellings') }} as t
  inner join cells as c on t.item = c.item and t.location = c.location and t.measure = c.measure
  left join {{ ref('int_statements') }} as s on t.fact_id = s.fact_id
  left join {{ ref('int_in_flight') }} as f on t.fact_id = f.fact_id
  where t.is_in_scope
),

-- A fact reaches as far as everything that is judged together with it.
reaches as (
  select
    t.*,
    t.window_from as opens_at,
    t.window_to as closes_at
  from tellings as t
  where t.is_alone

  union all

  select
    t.item, t.location, t.measure, t.fact_id, t.source, t.line_key, t.event_key, t.received_at, t.sequence, t.delta, t.is_alone,
    t.window_from, t.window_to,
    greatest(max(t.bars_to) over line, max(t.bars_to) over event),
    least(min(t.window_from) over line, min(t.window_from) over event),
    greatest(max(t.window_to) over line, max(t.window_to) over event)
  from tellings as t
  where not t.is_alone
  window
    line as (partition by t.item, t.location, t.measure, t.source, t.line_key),
    event as (partition by t.item, t.location, t.measure, t.event_key)
),

-- Nothing that comes before a cut in this order begins after it: sums up to here are sums up to the cut.
swept as (
  select
    r.item, r.location, r.measure, r.fact_id, r.opens_at,
    count(*) over cell - row_number() over (
      partition by r.item, r.location, r.measure order by r.opens_at asc, r.fact_id asc
    ) + 1 as facts_after,
    max(r.bars_to) over before as barred_to,
    max(r.closes_at) over before as closed_to,
    max(r.received_at) over before as received_to,
    max(case when r.sequence is not null then r.source end) over before as sequence_source,
    max(r.sequence) over before as sequence_max,
    count(r.delta) over before as movements,
    sum(r.delta) over before as total
  from reaches as r
  window
    cell as (partition by r.item, r.location, r.measure),
    before as (
      partition by r.item, r.location, r.measure order by r.opens_at asc, r.fact_id asc
      rows between unbounded preceding and 1 preceding
    )
),

-- Of the instants that serve, the last one with 1, 4, 16, ... times the least number of facts after it: a report of a
-- while ago finds one shortly before that while. `closed_to`: what comes later may not begin before this, or it reaches
-- into what is judged.
spaced as (
  select *, width_bucket(facts_after / {{ checkpoint_facts() }}, {{ powers_of_four() }}) as steps
  from swept
  where barred_to <= opens_at and facts_after >= {{ checkpoint_facts() }}
),

cuts as (
  select distinct on (w.item, w.location, w.measure, w.steps)
    w.item, w.location, w.measure, w.opens_at as cut_at, greatest(w.opens_at, w.closed_to, a.closed_to) as closed_to,
    w.received_to, w.sequence_source, w.sequence_max, w.movements, w.total
  from spaced as w
  left join {{ ref('int_anchors') }} as a on w.item = a.item and w.location = a.location and w.measure = a.measure
  order by w.item asc, w.location asc, w.measure asc, w.steps asc, w.opens_at desc, w.fact_id asc
),

-- The balance that stands in for all before it must be the last in every respect.
last_applied as (
  select distinct on (c.item, c.location, c.measure, c.cut_at)
    c.cut_at, c.closed_to, c.received_to, c.sequence_source as told_by, c.sequence_max, c.movements, c.total, s.*
  from cuts as c
  inner join {{ ref('int_statements') }} as s
    on c.item = s.item and c.location = s.location and c.measure = s.measure and c.cut_at > s.rec_from
  where s.is_applied
  order by c.item asc, c.location asc, c.measure asc, c.cut_at asc, s.ordinal desc
),

unlike as (
  select distinct l.fact_id, l.cut_at
  from last_applied as l
  inner join {{ ref('int_statements') }} as s
    on l.item = s.item and l.location = s.location and l.measure = s.measure and l.cut_at > s.rec_from
  where s.is_applied and l.fact_id <> s.fact_id
    and ((s.rec_from, s.rec_to) >= (l.rec_from, l.rec_to) or {{ provably_before('l', 's') }})
),

-- An uncertain movement before the cut must be inside every position that is kept of the balances there: it cancels then,
-- whatever it amounts to (ADR 0013).
uncertain as (
  select distinct l.fact_id, l.cut_at
  from last_applied as l
  inner join {{ ref('int_choices') }} as c on l.item = c.item and l.location = c.location and l.measure = c.measure
  inner join {{ ref('int_movements') }} as m on c.fact_id = m.fact_id and l.cut_at > m.rec_from
  inner join {{ ref('int_statements') }} as s
    on l.item = s.item and l.location = s.location and l.measure = s.measure and l.cut_at > s.rec_from
    and s.is_applied and (l.fact_id = s.fact_id or not {{ provably_before('s', 'l') }})
  where not {{ provably_before('m', 's') }}
),

booked as (
  select c.item, c.location, c.measure, c.cut_at, sum(l.quantity)::bigint as total
  from cuts as c
  {% if is_rebuild() -%}
  inner join {{ ref('ledger') }} as l on c.item = l.item and c.location = l.location and c.measure = l.measure
  {%- else -%}
  inner join {{ ref('int_touched_cells') }} as t on c.item = t.item and c.location = t.location and c.measure = t.measure
  cross join lateral {{ since('ledger', 'booked_from', 't') }} as l
  {%- endif %}
  where c.cut_at > l.booked_from
  group by c.item, c.location, c.measure, c.cut_at
),

standing as (
  select distinct fact_id
  from last_applied
),

placed as (
  select
    l.fact_id,
    array_agg(distinct p.total order by p.total) as position_totals,
    bool_or(p.is_capped) as is_capped
  from standing as l
  inner join {{ ref('int_positions') }} as p on l.fact_id = p.statement
  group by l.fact_id
),

-- As canonical.balances takes its bounds, from what was applied up to here.
slack as (
  select
    l.fact_id, l.cut_at,
    min(r.report - case when p.is_capped then p.total_in + p.open_up else p.total end)::bigint as slack_lo,
    max(r.report - case when p.is_capped then p.total_in + p.open_down else p.total end)::bigint as slack_hi
  from last_applied as l
  inner join {{ ref('int_statements') }} as s
    on l.item = s.item and l.location = s.location and l.measure = s.measure and l.cut_at > s.rec_from
    and s.is_applied and (l.fact_id = s.fact_id or not {{ provably_before('s', 'l') }})
  inner join {{ ref('int_positions') }} as p on s.fact_id = p.statement
  cross join lateral unnest(s.quantities) as r (report)
  where not l.is_anchor
  group by l.fact_id, l.cut_at
)

select
  l.item, l.location, l.measure, l.key_lot, l.cut_at, l.closed_to,
  (coalesce(a.movements, 0) + l.movements)::integer as movements,
  (coalesce(a.total, 0) + coalesce(l.total, 0))::bigint as total,
  (coalesce(a.ledger_total, 0) + coalesce(b.total, 0))::bigint as ledger_total,
  greatest(a.received_to, l.received_to) as received_to,
  coalesce(a.sequence_source, l.told_by) as sequence_source,
  greatest(a.sequence_max, l.sequence_max) as sequence_max,
  l.first_received_fact,
  l.fact_id,
  l.source,
  l.role_rank,
  l.quantity,
  l.quantities,
  l.rec_from,
  l.rec_to,
  l.window_from,
  l.window_to,
  l.has_lag,
  l.sequence,
  l.line_key,
  l.revision,
  p.position_totals,
  p.is_capped,
  k.kstar_size,
  k.kstar_total,
  case when l.is_anchor then a.slack_lo else s.slack_lo end as slack_lo,
  case when l.is_anchor then a.slack_hi else s.slack_hi end as slack_hi
from last_applied as l
inner join placed as p on l.fact_id = p.fact_id
inner join {{ ref('int_comparisons') }} as k on l.fact_id = k.fact_id
left join slack as s on l.fact_id = s.fact_id and l.cut_at = s.cut_at
left join booked as b on l.item = b.item and l.location = b.location and l.measure = b.measure and l.cut_at = b.cut_at
left join {{ ref('int_anchors') }} as a on l.item = a.item and l.location = a.location and l.measure = a.measure
where not exists (select from unlike as u where u.fact_id = l.fact_id and u.cut_at = l.cut_at)
  and not exists (select from uncertain as u where u.fact_id = l.fact_id and u.cut_at = l.cut_at)
