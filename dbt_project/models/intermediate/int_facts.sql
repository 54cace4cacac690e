{{ config(
    materialized='table',
    indexes=[{'columns': ['fact_id'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- Facts of the touched cells with interval, window, role and grain; plus, out of scope, facts of other cells
-- that share an event or a line with them (needed to choose the kept one, not to be decided here).

with in_scope as (
  select s.*, true as is_in_scope
  from {{ ref('int_touched_cells') }} as c
  {% if is_rebuild() -%}
  inner join {{ ref('stg_facts') }} as s on c.item = s.item and c.location = s.location and c.measure = s.measure
  {%- else -%}
  cross join lateral {{ since('stg_facts', 'said_from') }} as s
  {%- endif %}
),

{% if is_rebuild() -%}
facts as (select * from in_scope),
{%- else -%}
siblings as (
  select s.fact_id
  from in_scope as i
  cross join lateral {{ found(ref('stg_facts'), ['event_key', 'location', 'measure'], 'i') }} as s
  where i.item <> s.item
  union
  select s.fact_id
  from in_scope as i
  cross join lateral {{ found(ref('stg_facts'), ['line_key', 'source', 'location', 'measure'], 'i') }} as s
  where i.item <> s.item
),

-- Whether a sibling is itself the kept receipt of its line depends on the other receipts of that line.
siblings_and_lines as (
  select fact_id from siblings
  union
  select s.fact_id
  from siblings as b
  cross join lateral {{ found(ref('stg_facts'), ['fact_id'], 'b') }} as i
  cross join lateral {{ found(ref('stg_facts'), ['line_key', 'source', 'location', 'measure'], 'i') }} as s
),

facts as (
  select * from in_scope
  union all
  select s.*, false as is_in_scope
  from siblings_and_lines as b
  cross join lateral {{ found(ref('stg_facts'), ['fact_id'], 'b') }} as s
  where not exists (select from in_scope as i where i.fact_id = s.fact_id)
),
{%- endif %}

-- `to` is never later than the receipt plus the source's skew: cut to a point where it meets `from` (semantics §2).
intervals as (
  select
    f.*,
    src.clock_skew_s * interval '1 second' as skew,
    src.lag_s * interval '1 second' as lag,
    f.said_from as rec_from,
    greatest(
      least(f.said_to, f.received_at + src.clock_skew_s * interval '1 second'),
      f.said_from + interval '1 microsecond'
    ) as rec_to
  from facts as f
  left join {{ source('ops', 'current_speakers') }} as src on f.source = src.source
),

windows as not materialized (
  select
    i.*,
    i.rec_from - i.skew - case when i.kind = 'balance' then i.lag else interval '0' end as window_from,
    i.rec_to + i.skew as window_to
  from intervals as i
),

-- Most rules never change: a source has one role for ever.
lasting_roles as (
  select measure, location, item_class, source, min(role_rank) as role_rank, bool_or(applies_movements) as applies_movements
  from {{ ref('int_roles') }}
  group by measure, location, item_class, source
  having count(*) = 1
),

changing_roles as materialized (
  select r.*
  from {{ ref('int_roles') }} as r
  left join lasting_roles as l
    on r.measure = l.measure and r.location = l.location and r.item_class = l.item_class and r.source = l.source
  where l.source is null
),

-- Where a window crosses a change of rules, a balance takes the weaker role and a movement the better one.
roles as (
  select
    w.fact_id,
    case when w.kind = 'balance' then min(r.role_rank) else max(r.role_rank) end as role_rank,
    bool_or(r.applies_movements) as applies_movements
  from windows as w
  inner join changing_roles as r
    on w.measure = r.measure and w.location = r.location and w.item_class = r.item_class and w.source = r.source
    and w.window_to > r.span_from and w.window_from < r.span_to
  group by w.fact_id, w.kind
),

grained as (
  select
    w.*,
    -- What a person writes off counts everywhere, as the movements of a secondary do that apply; it makes nothing stale.
    case when w.source = {{ operator() }} and w.kind = 'movement' then 2 else coalesce(r.role_rank, l.role_rank, 1) end as role_rank,
    coalesce(r.applies_movements, l.applies_movements, w.source = {{ operator() }}) as applies_movements,
    coalesce(g.grain, 'item') as grain
  from windows as w
  left join lasting_roles as l
    on w.measure = l.measure and w.location = l.location and w.item_class = l.item_class and w.source = l.source
  left join roles as r on w.fact_id = r.fact_id
  left join {{ ref('int_roles') }} as g
    on w.measure = g.measure and w.location = g.location and w.item_class = g.item_class and g.source = ''
    and w.rec_from >= g.span_from and w.rec_from < g.span_to
),

-- The fourth part of the key is what the grain asks for; what a fact names beyond it makes it finer (semantics §13).
parted as (
  select
    g.*,
    {{ key_part('g.grain', 'g.lot', 'g.owner') }} as part,
    g.grain <> 'item' and {{ key_part('g.grain', 'g.lot', 'g.owner') }} = '' as is_coarser,
    g.grain not in ('lot', 'serial') and g.lot <> '' or g.grain <> 'owner' and coalesce(g.owner, '') <> '' as is_finer,
    g.grain = 'serial' and g.lot <> '' and not g.cancel and not (
      case when g.kind = 'balance' then 0 else -1 end <= all(coalesce(g.quantity_alternatives, array[g.quantity]))
      and 1 >= all(coalesce(g.quantity_alternatives, array[g.quantity]))
    ) as is_no_serial
  from grained as g
)

select
  g.fact_id,
  g.is_in_scope,
  g.source,
  g.feed,
  g.kind,
  g.item,
  g.item_class,
  g.location,
  g.measure,
  g.lot,
  g.part as key_lot,
  g.grain,
  g.quantity,
  coalesce(g.quantity_alternatives, array[g.quantity]) as quantities,
  g.rec_from,
  g.rec_to,
  g.said_to,
  g.window_from,
  g.window_to,
  g.lag > interval '0' as has_lag,
  g.received_at,
  g.line_key,
  g.event_key,
  g.revision,
  g.cancel,
  g.sequence,
  g.balance_after,
  g.role_rank,
  g.applies_movements,
  g.document_id,
  g.position,
  -- A balance of another grain, and one of a derived number, is compared with nothing.
  g.kind = 'balance' and g.measure <> 'available' and not g.is_coarser and not g.is_finer and g.is_part is not true as is_comparable,
  g.is_coarser,
  g.is_finer,
  g.is_part is true as is_part,
  g.serves,
  g.is_final,
  {{ stock_part('g') }} as stock_part,
  case
    when g.is_test then 'test'
    when g.quarantine_code is not null then 'quarantined'
    when g.kind = 'movement' and g.is_coarser or g.is_no_serial then 'quarantined'
    when exists (select from {{ source('ops', 'outbox') }} as o where o.correction_id = g.correction_id) then 'echo'
  end as disposition,
  case
    when g.is_test then 'test_indicator'
    when g.quarantine_code is not null then g.quarantine_code
    when g.kind = 'movement' and g.is_coarser then case when g.grain = 'owner' then 'owner_missing' else 'lot_missing' end
    when g.is_no_serial then 'not_one_serial'
  end as reason
from parted as g
