-- What checks the configuration runs before this, and this before everything else.
-- depends_on: {{ source('ops', 'current_ownership_rules') }}
-- depends_on: {{ source('ops', 'config_versions') }}

{{ config(
    materialized='incremental',
    incremental_strategy='upsert_changed',
    unique_key='fact_id',
    on_schema_change='append_new_columns',
    indexes=[
      {'columns': ['fact_id'], 'unique': true},
      {'columns': ['item', 'location', 'measure', 'said_from']},
      {'columns': ['event_key', 'location', 'measure']},
      {'columns': ['line_key', 'source']},
      {'columns': ['batch_id']},
      {'columns': ['snapshot_id']},
      {'columns': ['derived_from']},
      {'columns': ['serves', 'location']},
    ],
    pre_hook=['{{ forget_switched() }}', '{{ index_scans() }}', '{{ hash_joins(only_rebuild=true) }}'],
) }}

-- Facts typed and mapped: crosswalks and factors at the fact's own time, exact units, time as an interval.
-- Only the receipts of the batch are read; an earlier receipt already staged is merged in.

-- Steps that would be written out wherever the next one reads them are kept apart: planning alone would take seconds.
-- Not materialized: millions of wide rows would be written aside at each step.
with receipts as not materialized (
  {% if is_incremental() -%}
  select f.*
  from {{ source('ops', 'batch_loads') }} as l
  cross join lateral {{ found(source('raw', 'facts'), ['load_id'], 'l') }} as f
  where l.batch_id = {{ current_batch_id() }} and not {{ is_read_again('f') }}
  union all
  select f.*
  from (select distinct fact_id from {{ source('ops', 'redrives') }} where batch_id = {{ current_batch_id() }}) as r
  cross join lateral {{ found(source('raw', 'facts'), ['fact_id'], 'r') }} as f
  inner join {{ source('ops', 'batch_loads') }} as l on f.load_id = l.load_id
  where l.batch_id <> {{ current_batch_id() }} and not {{ is_read_again('f') }}
  {%- else -%}
  select f.*
  from {{ source('raw', 'facts') }} as f
  inner join {{ source('ops', 'batch_loads') }} as l on f.load_id = l.load_id
  where not {{ is_read_again('f') }}
  {%- endif %}
),

-- Documents of the batch whose control totals are not what was read: nothing of them is known (semantics §15). A line is
-- one fact, however often it was received.
carried as (
  select distinct snapshot_id
  from receipts
  where snapshot_id is not null
),

carried_lines as (
  select distinct c.snapshot_id, f.fact_id, f.quantity
  from carried as c
  cross join lateral {{ found(source('raw', 'facts'), ['snapshot_id'], 'c') }} as f
  where not {{ is_read_again('f') }}
),

carried_totals as (
  select
    snapshot_id, count(*) as lines,
    coalesce(sum(case when {{ is_written_quantity('quantity') }} then quantity::numeric end), 0) as units
  from carried_lines
  group by snapshot_id
),

incomplete as (
  select t.snapshot_id
  from carried_totals as t
  cross join lateral {{ found(source('raw', 'snapshots'), ['snapshot_id'], 't') }} as c
  where t.lines <> c.control_lines or t.units <> c.control_units
),

-- Hardly a fact is received twice in one batch; only what is needs an order.
repeated as (
  select fact_id, array_agg(received_at order by received_at, document_id, position) as receipts_at
  from receipts
  group by fact_id
  having count(*) > 1
),

first_receipts as (
  select distinct on (r.fact_id) r.*
  from receipts as r
  inner join repeated as x on r.fact_id = x.fact_id
  order by r.fact_id asc, r.received_at asc, r.document_id asc, r.position asc
),

once as not materialized (
  select r.*, null::timestamptz[] as receipts_at
  from receipts as r
  where not exists (select from repeated as x where x.fact_id = r.fact_id)
  union all
  select f.*, x.receipts_at
  from first_receipts as f
  inner join repeated as x on f.fact_id = x.fact_id
),

-- Most times are written as an instant in UTC: they need neither a zone nor a calendar. Of the others a report says one
-- in each of its lines: it is parsed once.
written as (
  select distinct source, coalesce(location_ref, '') as location_ref, recorded
  from once
  where not {{ is_plain_instant('recorded') }}
),

parted as materialized (
  select
    source, location_ref, recorded,
    {{ time_parts("split_part(recorded, '/', 1)") }} as parts_from,
    case when position('/' in recorded) > 0 then {{ time_parts("split_part(recorded, '/', 2)") }} end as parts_to
  from written
),

timed as materialized (
  select
    p.*,
    coalesce({{ is_calendar_time('p.parts_from') }}
      and (position('/' in p.recorded) = 0 or {{ is_calendar_time('p.parts_to') }}), false) as is_time
  from parted as p
),

walled as materialized (
  select
    t.*,
    case when t.is_time then {{ wall_time('t.parts_from') }} end as wall_from,
    case when t.is_time and t.parts_to is not null then {{ wall_time('t.parts_to') }} end as wall_to
  from timed as t
),

-- Where the location's zone is needed to know the time, its crosswalk is judged at the wall time read as UTC.
zoned as (
  select w.*, coalesce(src.timezone, loc.timezone) as zone
  from walled as w
  left join {{ source('ops', 'current_speakers') }} as src on w.source = src.source
  left join {{ source('ops', 'current_location_crosswalk') }} as own
    on w.source = own.source and w.location_ref = own.location_ref
    and w.wall_from at time zone 'UTC' >= own.valid_from and w.wall_from at time zone 'UTC' < own.valid_to
  left join {{ source('ops', 'current_location_crosswalk') }} as every
    on every.source = '*' and w.location_ref = every.location_ref
    and w.wall_from at time zone 'UTC' >= every.valid_from and w.wall_from at time zone 'UTC' < every.valid_to
  left join {{ source('ops', 'current_locations') }} as loc on coalesce(own.location, every.location) = loc.location
),

instants as materialized (
  select
    l.source, l.location_ref, l.recorded, l.parts_from, l.parts_to, l.is_time, l.wall_from, l.wall_to, l.zone,
    case when l.parts_from[6] is not null then (l.wall_from - ({{ zone_offset('l.parts_from') }})) at time zone 'UTC'
      else l.wall_from at time zone l.zone end as first_reading,
    case when l.parts_to[6] is not null then (l.wall_to - ({{ zone_offset('l.parts_to') }})) at time zone 'UTC'
      else l.wall_to at time zone l.zone end as last_instant
  from zoned as l
),

readings as materialized (
  select
    i.*,
    case when i.parts_from[6] is null then {{ other_reading('i.first_reading', 'i.wall_from', 'i.zone') }} end as second_reading,
    case when i.parts_to[6] is null then {{ other_reading('i.last_instant', 'i.wall_to', 'i.zone') }} end as other_last_instant,
    {{ is_skipped('i.parts_from', 'i.first_reading', 'i.wall_from', 'i.zone') }}
    or {{ is_skipped('i.parts_to', 'i.last_instant', 'i.wall_to', 'i.zone') }} as is_skipped_hour,
    -- The first instant of the day after a written date; daylight saving may repeat that midnight.
    (i.wall_from + interval '1 day') at time zone i.zone as next_day
  from instants as i
),

intervals as materialized (
  select
    r.*,
    least(r.first_reading, r.second_reading) as said_from,
    case
      when r.wall_to is not null then greatest(
        least(r.last_instant, r.other_last_instant), least(r.first_reading, r.second_reading) + interval '1 microsecond'
      )
      when r.parts_from[2] is null then least(r.next_day, {{ other_reading('r.next_day', "(r.wall_from + interval '1 day')", 'r.zone') }})
      else greatest(r.first_reading, r.second_reading) + case
        when r.parts_from[4] is null then interval '1 minute'
        when r.parts_from[5] is null then interval '1 second'
        else interval '1 microsecond' end
    end as said_to,
    r.wall_to is not null
    and least(r.last_instant, r.other_last_instant) < least(r.first_reading, r.second_reading) as is_backwards
  from readings as r
),

-- What is not among the times that had to be parsed is a plain instant.
told as not materialized (
  select
    o.*,
    case when i.recorded is null then o.recorded::timestamptz end as plain_at,
    i.is_time, i.is_skipped_hour, i.is_backwards, i.wall_from, i.said_from as zoned_from, i.said_to as zoned_to
  from once as o
  left join intervals as i on o.source = i.source and coalesce(o.location_ref, '') = i.location_ref and o.recorded = i.recorded
  {{ kept_apart() }}
),

moments as (
  select
    t.*,
    coalesce(t.plain_at, t.wall_from at time zone 'UTC') as placed_at,
    coalesce(t.plain_at, t.zoned_from) as said_from,
    coalesce(
      t.plain_at + case when position('.' in t.recorded) > 0 then interval '1 microsecond' else interval '1 second' end,
      t.zoned_to
    ) as said_to,
    case when {{ is_written_quantity('t.quantity') }} then t.quantity::numeric end as written_quantity,
    {{ time_parts('t.due') }} as parts_due
  from told as t
  {{ kept_apart() }}
),

-- People decide in our own names; every other source has its crosswalk.
mapped as (
  select
    m.*,
    src.source is not null as is_known_source,
    src.system,
    src.clock_skew_s,
    coalesce(own_place.location, any_place.location, case when m.source = {{ operator() }} then m.location_ref end) as location,
    loc.timezone as location_zone,
    coalesce(own_item.item, any_item.item, case when m.source = {{ operator() }} then m.item_ref end) as item,
    items.item_class,
    items.base_uom,
    coalesce(own_status.measure, any_status.measure, case when m.source = {{ operator() }} then m.status_ref end) as measure
  from moments as m
  left join {{ source('ops', 'current_speakers') }} as src on m.source = src.source
  left join {{ source('ops', 'current_location_crosswalk') }} as own_place
    on m.source = own_place.source and m.location_ref = own_place.location_ref
    and m.placed_at >= own_place.valid_from and m.placed_at < own_place.valid_to
  left join {{ source('ops', 'current_location_crosswalk') }} as any_place
    on any_place.source = '*' and m.source <> {{ operator() }} and m.location_ref = any_place.location_ref
    and m.placed_at >= any_place.valid_from and m.placed_at < any_place.valid_to
  left join {{ source('ops', 'current_locations') }} as loc
    on coalesce(own_place.location, any_place.location, case when m.source = {{ operator() }} then m.location_ref end) = loc.location
  left join {{ source('ops', 'current_item_crosswalk') }} as own_item
    on m.source = own_item.source and m.item_ref = own_item.item_ref
    and m.said_from >= own_item.valid_from and m.said_from < own_item.valid_to
  left join {{ source('ops', 'current_item_crosswalk') }} as any_item
    on any_item.source = '*' and m.source <> {{ operator() }} and m.item_ref = any_item.item_ref
    and m.said_from >= any_item.valid_from and m.said_from < any_item.valid_to
  left join {{ source('ops', 'current_items') }} as items
    on coalesce(own_item.item, any_item.item, case when m.source = {{ operator() }} then m.item_ref end) = items.item
  left join {{ source('ops', 'current_status_crosswalk') }} as own_status
    on m.source = own_status.source and m.status_ref = own_status.status_ref
  left join {{ source('ops', 'current_status_crosswalk') }} as any_status
    on any_status.source = '*' and m.source <> {{ operator() }} and m.status_ref = any_status.status_ref
),

-- Receipts of the batch, merged with those already staged. A receipt before the fact could be known is not credible.
-- Most facts have the one receipt that is at hand.
heard as (
  select
    m.*,
    case when m.receipts_at is null then m.received_at else (select min(t) from unnest(m.receipts_at) as t) end as first_at,
    case
      when m.receipts_at is not null
        then (select min(t) from unnest(m.receipts_at) as t where t >= m.said_from - m.clock_skew_s * interval '1 second')
      when m.received_at >= m.said_from - m.clock_skew_s * interval '1 second' then m.received_at
    end as first_credible_at
  from mapped as m
),

received as (
  select
    m.*,
    {%- if is_incremental() %}
    least(m.first_at, old.heard_at) as heard_at,
    least(m.first_credible_at, old.credible_at) as credible_at
    {%- else %}
    m.first_at as heard_at,
    m.first_credible_at as credible_at
    {%- endif %}
  from heard as m
  {%- if is_incremental() %}
  -- All receipts of a fact that is driven again are read here; what was credible before may not be so any more.
  left join lateral {{ found(this, ['fact_id'], 'm') }} as old
    on not exists (
      select from {{ source('ops', 'redrives') }} as r
      where r.batch_id = {{ current_batch_id() }} and r.fact_id = m.fact_id
    )
  {%- endif %}
),

cut as (
  select
    r.*,
    -- The interval after its cut at the receipt (semantics §2): what came later than that was not meant.
    least(r.said_to, greatest(
      coalesce(r.credible_at, r.heard_at) + r.clock_skew_s * interval '1 second', r.said_from + interval '1 microsecond'
    )) as cut_to
  from received as r
  {{ kept_apart() }}
),

-- Most units have one factor, for ever.
lasting_factors as (
  select item, uom, min(factor_num) as factor_num, min(factor_den) as factor_den
  from {{ source('ops', 'current_unit_factors') }}
  group by item, uom
  having count(*) = 1 and min(valid_from) = '-infinity' and max(valid_to) = 'infinity'
),

changing_factors as (
  select distinct item, uom
  from {{ source('ops', 'current_unit_factors') }}
  except
  select item, uom
  from lasting_factors
),

judged as (
  select
    m.*,
    f.factor_days,
    case when m.cancel then array[0::numeric]
      when l.item is not null then array[m.written_quantity * l.factor_num / l.factor_den]
      when f.quantities is not null then f.quantities
      when m.uom = m.base_uom then array[m.written_quantity] end as quantities,
    case
      when m.snapshot_id in (select i.snapshot_id from incomplete as i) then 'incomplete_document'
      when m.fault_code is not null then m.fault_code
      when not m.is_known_source then 'unknown_source'
      when m.plain_at is null and m.is_time is not true then 'bad_time'
      when m.source = {{ operator() }} and not {{ is_decided('m') }} then 'no_decision'
      when m.measure is null then 'unmapped_measure'
      when m.location is null or m.location_zone is null then 'unmapped_location'
      when m.is_backwards then 'bad_time'
      when m.is_skipped_hour then 'skipped_hour'
      when m.item is null or m.base_uom is null then 'unmapped_item'
      when m.written_quantity is null then 'bad_quantity'
      when l.item is null and f.quantities is null and coalesce(m.uom <> m.base_uom, true) then 'unmapped_unit'
      when not m.cancel and not coalesce(
          mod(m.written_quantity * l.factor_num, l.factor_den) = 0, f.is_integral, m.written_quantity = trunc(m.written_quantity)
        ) then 'non_integral_quantity'
      when m.cancel and m.revision <= 1 then 'cancel_without_revision'
      when m.kind = 'movement' and m.measure = 'available' then 'movement_of_available'
      when m.measure = 'provisional' and (m.kind = 'balance' or not m.cancel and m.written_quantity <= 0) then 'not_a_release'
      when m.credible_at is null then 'in_future'
    end as quarantine_code
  from cut as m
  left join lasting_factors as l on m.item = l.item and m.uom = l.uom
  left join changing_factors as v on m.item = v.item and m.uom = v.uom
  -- A unit factor is judged on the location's day; every factor in force inside the interval gives an alternative.
  left join lateral (
    select c.*
    from (
      select
        array_agg(m.written_quantity * u.factor_num / u.factor_den order by u.valid_from) as quantities,
        array_agg(u.valid_from order by u.valid_from) as factor_days,
        bool_and(mod(m.written_quantity * u.factor_num, u.factor_den) = 0) as is_integral
      from {{ source('ops', 'current_unit_factors') }} as u
      where v.item = u.item and v.uom = u.uom
        and u.valid_from <= ((m.cut_to - interval '1 microsecond') at time zone m.location_zone)::date
        and u.valid_to > (m.said_from at time zone m.location_zone)::date
    ) as c
    where v.item is not null and m.written_quantity is not null
  ) as f on true
)

select
  j.fact_id,
  {% if is_incremental() -%}
  case when old.fact_id is not null and (old.heard_at, old.document_id, old.position) < (j.received_at, j.document_id, j.position)
    then old.document_id else j.document_id end as document_id,
  case when old.fact_id is not null and (old.heard_at, old.document_id, old.position) < (j.received_at, j.document_id, j.position)
    then old.position else j.position end as position,
  {%- else -%}
  j.document_id,
  j.position,
  {%- endif %}
  j.heard_at,
  coalesce(j.credible_at, j.heard_at) as received_at,
  j.credible_at,
  j.source,
  j.feed,
  j.system,
  j.kind,
  j.item,
  j.item_class,
  j.location,
  j.measure,
  coalesce(j.lot, '') as lot,
  case when j.quarantine_code is null then j.quantities[1]::bigint end as quantity,
  case when j.quarantine_code is null and cardinality(j.quantities) > 1 then j.quantities::bigint[] end as quantity_alternatives,
  case when j.quarantine_code is null and cardinality(j.quantities) > 1 then j.factor_days end as factor_days,
  j.said_from,
  j.said_to,
  j.line_key,
  j.event_key,
  j.revision,
  j.cancel,
  j.sequence,
  case when j.balance_after ~ '^[+-]?\d{1,15}$' then j.balance_after::bigint end as balance_after,
  j.serves,
  coalesce(j.is_final, false) as is_final,
  -- A day is due when it is over. What names no instant is no due time.
  case when {{ is_calendar_time('j.parts_due') }} then case
    when j.parts_due[2] is null then (j.parts_due[1]::date + 1)::timestamp at time zone j.location_zone
    when j.parts_due[6] is null then {{ wall_time('j.parts_due') }} at time zone j.location_zone
    else ({{ wall_time('j.parts_due') }} - ({{ zone_offset('j.parts_due') }})) at time zone 'UTC'
  end end as due_at,
  coalesce(j.owner, '') as owner,
  j.snapshot_id,
  j.reason,
  null::text as derived_from,
  false as is_part,
  j.is_test,
  j.correlation_id,
  j.correction_id,
  j.item_ref,
  j.location_ref,
  j.status_ref,
  j.uom,
  j.quantity as quantity_as_written,
  j.recorded,
  j.quarantine_code,
  j.fault_detail as quarantine_detail,
  {{ current_batch_id() }} as batch_id
from judged as j
{% if is_incremental() -%}
left join lateral {{ found(this, ['fact_id'], 'j') }} as old on true
{%- endif %}
