-- Full states as evidence, the runs that compare them, and the tolerances that a difference is judged by (ADR 0030).

-- Full states: what a source declares to be everything it holds in a scope ---------------------------------------
create table raw.snapshots (
  snapshot_id       text primary key,      -- of its content
  source            text not null,
  system            text not null check (system in ('wms', '3pl', 'erp')),
  load_id           bigint not null,
  document_ids      text[] not null,       -- its pages in order
  locations         text[] not null,       -- declared scope, in the source's words
  measures          text[] not null,       -- declared scope, in ours
  recorded          text not null,         -- as-of as written
  as_of_from        timestamptz,           -- null for a time that is none: its lines say so
  as_of_to          timestamptz,
  received_at       timestamptz not null,
  control_lines     bigint,
  control_units     numeric,
  read_lines        bigint not null,
  read_units        numeric not null,
  declares_complete boolean not null,
  is_proven         boolean not null,      -- what is absent is 0; otherwise absence says nothing
  fault_code        text
);
create table raw.snapshot_lines (
  snapshot_id  text not null,
  position     text not null,
  item_ref     text not null,
  location_ref text not null,
  status_ref   text not null,
  lot          text,
  uom          text,
  quantity     text not null,
  received_at  timestamptz not null
) partition by range (received_at);
create table raw.snapshot_lines_default partition of raw.snapshot_lines default;
create index on raw.snapshot_lines (snapshot_id);
create trigger insert_only before update or delete on raw.snapshots for each row execute function raw.refuse_change();
create trigger insert_only before update or delete on raw.snapshot_lines for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.snapshots execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.snapshot_lines execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.snapshot_lines_default execute function raw.refuse_change();

-- As in 0001, with the lines of full states.
create or replace function raw.ensure_partitions(day date) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
  parent text;
  child text;
  lower_bound timestamptz := day::timestamp at time zone 'UTC';
  upper_bound timestamptz := (day + 1)::timestamp at time zone 'UTC';
  taken boolean;
begin
  foreach parent in array array['documents', 'facts', 'snapshot_lines'] loop
    child := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
    if to_regclass(format('raw.%I', child)) is not null then
      continue;
    end if;
    perform pg_advisory_xact_lock(hashtext('raw.' || child));
    if to_regclass(format('raw.%I', child)) is not null then
      continue;
    end if;
    execute format('select exists (select from raw.%I where received_at >= $1 and received_at < $2)', parent || '_default')
      into taken using lower_bound, upper_bound;
    if taken then
      continue;
    end if;
    execute format('create table raw.%I partition of raw.%I for values from (%L) to (%L)', child, parent, lower_bound, upper_bound);
    execute format('create trigger no_truncate before truncate on raw.%I execute function raw.refuse_change()', child);
  end loop;
end $$;

-- Configuration --------------------------------------------------------------------------------------------------
-- How much a number may be off. A null limit is not asked; a difference is within when it is within all that are.
create table ops.variance_tolerances (
  version_id bigint not null references ops.config_versions, location text not null, item_class text not null,
  criticality text not null check (criticality in ('*', 'high', 'normal', 'low')), measure text not null,
  open_units bigint, close_units bigint, open_permille bigint, close_permille bigint, open_value bigint, close_value bigint,
  check (num_nonnulls(open_units, open_permille, open_value) > 0),
  check (close_units <= open_units and close_permille <= open_permille and close_value <= open_value),
  primary key (version_id, location, item_class, criticality, measure));
-- How much a channel minds a wrong number: an item and location is as critical as for its most demanding channel.
create table ops.channel_criticality (
  version_id bigint not null references ops.config_versions, channel text not null, location text not null,
  item_class text not null, criticality text not null check (criticality in ('high', 'normal', 'low')),
  primary key (version_id, channel, location, item_class));
do $$
declare t text;
begin
  foreach t in array array['variance_tolerances', 'channel_criticality'] loop
    execute format('create view ops.current_%s as select * from ops.%I where version_id = '
                   '(select max(version_id) from ops.config_versions where kind = %L)', t, t, t);
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
    execute format('grant select on ops.%I, ops.current_%s to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader', t, t);
  end loop;
end $$;

-- The rule of a key: the row that names most; `syncline check` refuses two that name as much and can both hold.
-- No row: nothing may be off.
create function ops.variance_rule(class text, place text, of_measure text)
returns table (rule text, criticality text, open_units bigint, close_units bigint, open_permille bigint,
               close_permille bigint, open_value bigint, close_value bigint)
language sql stable set search_path = pg_catalog as $$
  with selling as (
    select distinct r.channel from ops.current_channel_rules r
    where r.location in (place, '*') and r.item_class in (class, '*')
  ),
  minds as (
    select distinct on (c.channel) c.channel, c.criticality
    from ops.current_channel_criticality c
    where c.channel in (select s.channel from selling s) and c.location in (place, '*') and c.item_class in (class, '*')
    order by c.channel, (c.location <> '*') desc, (c.item_class <> '*') desc
  ),
  level as (
    select coalesce((select m.criticality from minds m
                     order by array_position(array['high', 'normal', 'low'], m.criticality) limit 1), 'normal') as criticality
  ),
  best as (
    select t.* from ops.current_variance_tolerances t, level l
    where t.location in (place, '*') and t.item_class in (class, '*') and t.criticality in (l.criticality, '*')
      and t.measure in (of_measure, '*')
    order by (t.location <> '*')::integer + (t.item_class <> '*')::integer + (t.criticality <> '*')::integer
             + (t.measure <> '*')::integer desc, t.location desc, t.item_class desc, t.criticality desc
    limit 1
  )
  select coalesce(nullif(concat_ws('/', b.location, b.item_class, b.criticality, b.measure), ''), 'none'), l.criticality,
         case when b.version_id is null then 0 else b.open_units end,
         case when b.version_id is null then 0 else coalesce(b.close_units, b.open_units) end, b.open_permille,
         coalesce(b.close_permille, b.open_permille), b.open_value, coalesce(b.close_value, b.open_value)
  from level l left join best b on true
$$;

-- Whether a difference is within limits. Integers: per mille of the other number by multiplication, never by a quotient.
create function ops.is_within(variance numeric, of_quantity numeric, unit_value bigint, units bigint, permille bigint, value bigint)
returns boolean language sql immutable set search_path = pg_catalog as $$
  select (units is null or abs(variance) <= units)
     and (permille is null or abs(variance) * 1000 <= abs(of_quantity) * permille)
     and (value is null or abs(variance) * unit_value <= value)
$$;

-- Runs -----------------------------------------------------------------------------------------------------------
create table ops.reconciliations (
  run_id     bigint generated always as identity primary key,
  location   text not null,
  as_of      timestamptz not null,
  asked_by   text not null,
  begun_at   timestamptz not null,
  state      text not null default 'open',
  pulled     jsonb not null default '[]',
  compared   jsonb,                        -- what was compared: snapshots, batch, configuration; and the counts
  promoted   jsonb not null default '[]',
  compared_at timestamptz,
  ended_at   timestamptz,
  unique (location, asked_by)
);
-- One row for each pair of systems that does not agree about a key, and each that did not before: history of what
-- differs. What agrees is counted in `compared`.
create table ops.reconciliation_rows (
  run_id       bigint not null references ops.reconciliations,
  item         text not null,
  location     text not null,
  measure      text not null,
  lot          text not null,
  pair         text not null check (pair in ('wms~canonical', '3pl~canonical', 'erp~canonical', 'wms~3pl', 'wms~erp', '3pl~erp')),
  said         numeric,                    -- of the first named, at its own as-of
  beside       numeric,                    -- of the second, moved to the as-of of the first
  variance     numeric,                    -- said - beside
  verdict      text not null check (verdict in ('match', 'within_tolerance', 'delay', 'discrepancy', 'incomparable')),
  reason       text,
  majority     text[],                     -- those who say the same number, of all that were heard; null: no two do
  rule         text not null,              -- the tolerance that decided
  criticality  text not null,
  unit_value   bigint not null,
  explained_by text[],                     -- facts or corrections that a delay waits for
  due_at       timestamptz,
  is_open      boolean not null,           -- above its limit; it stays so until it is at or below the lower one
  since        timestamptz,                -- as-of of the run that opened it
  primary key (run_id, item, location, measure, lot, pair)
);
create index on ops.reconciliation_rows (item, location, measure);
grant select, insert, update on ops.reconciliations to syncline_transformer;
grant select, insert, delete on ops.reconciliation_rows to syncline_transformer;
grant select on ops.reconciliations, ops.reconciliation_rows to syncline_loader, syncline_publisher, syncline_bi;
grant select, insert on raw.snapshots, raw.snapshot_lines to syncline_loader;
grant select on raw.snapshots, raw.snapshot_lines to syncline_transformer, syncline_publisher, syncline_bi;

-- A full state that is not believed holds what would follow from it.
alter table ops.breaker_trips drop constraint breaker_trips_rule_check;
alter table ops.breaker_trips add constraint breaker_trips_rule_check
  check (rule in ('keys', 'units', 'value', 'mass_zero', 'snapshot_zero', 'silent_source', 'snapshot_flood'));
alter table ops.breaker_trips drop constraint breaker_trips_check3;
alter table ops.breaker_trips add constraint batch_of_a_trip
  check (rule in ('silent_source', 'snapshot_flood') or batch_id is not null);
