-- Full states: what a system says it has, all of it, as of one instant. Proven, and then what it leaves out is zero; or
-- kept as evidence with what is missing.
create table raw.snapshots (
  snapshot_id       text primary key,       -- content-derived: source, as-of and documents
  source            text not null,
  system            text not null check (system in ('wms', '3pl', 'erp')),
  load_id           bigint not null,
  document_ids      text[] not null,        -- its pages in order, or its file
  locations         text[] not null,        -- declared scope: the source's words
  measures          text[] not null,        -- declared scope: our measures; of the ERP its own, financial
  recorded          text not null,          -- the as-of as written
  as_of_from        timestamptz,            -- null for a time that is none: its lines say so
  as_of_to          timestamptz,
  received_at       timestamptz not null,
  control_lines     bigint,
  control_units     numeric,
  read_lines        bigint not null,
  read_units        numeric not null,
  declares_complete boolean not null,
  is_proven         boolean not null,
  fault_code        text,
  check (not is_proven or (declares_complete and fault_code is null))
);
create index on raw.snapshots (source, as_of_from desc);
create index on raw.snapshots (load_id);

-- Every line as written; those that matter become facts. A million a night: partitioned by day like facts.
create table raw.snapshot_lines (
  snapshot_id  text not null,
  position     text not null,               -- <page>:balances[<index>], or the segment of a file
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

do $$
declare t text;
begin
  foreach t in array array['snapshots', 'snapshot_lines'] loop
    execute format('create trigger insert_only before update or delete on raw.%I for each row execute function raw.refuse_change()', t);
    execute format('create trigger no_truncate before truncate on raw.%I execute function raw.refuse_change()', t);
    execute format('grant select, insert on raw.%I to syncline_loader', t);
    execute format('grant select on raw.%I to syncline_transformer, syncline_publisher, syncline_bi', t);
  end loop;
end $$;
create trigger no_truncate before truncate on raw.snapshot_lines_default execute function raw.refuse_change();

-- As before, with the lines.
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

-- A run of the reconciliation for one location. Asked again by the same name it is the same run, with the same as-of.
create table ops.reconciliations (
  run_id     bigint generated always as identity primary key,
  location   text not null,
  as_of      timestamptz not null,
  asked_by   text not null,                 -- the DAG run, or who typed the command and when
  begun_at   timestamptz not null,
  state      text not null default 'open' check (state in ('open', 'pulled', 'promoted')),
  pulled     jsonb not null default '[]',   -- by source: snapshot, proof or why there is none
  promoted   jsonb not null default '[]',   -- by source: keys compared, differing, new facts; or why it is a flood
  ended_at   timestamptz,
  unique (location, asked_by)
);
grant select, insert, update on ops.reconciliations to syncline_transformer;
grant select on ops.reconciliations to syncline_loader, syncline_publisher, syncline_bi;
