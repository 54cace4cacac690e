-- raw: what others said. Insert only, partitioned by day of received_at from the first migration.
create sequence raw.load_id_seq;

-- A row here is the closing of a load: facts of a load without a row are invisible to resolve.
create table raw.loads (
  load_id      bigint primary key,
  source       text not null,
  feed         text not null,
  received_at  timestamptz not null,
  closed_at    timestamptz not null default clock_timestamp(),
  documents    integer not null,
  facts        integer not null
);

create table raw.documents (
  document_id    text not null,        -- content-derived: see landing/documents.py
  load_id        bigint not null,
  source         text not null,
  feed           text not null,
  name           text not null,        -- file name, or the request (method, path, page) without secrets
  content        bytea not null,
  sha256         text not null,
  size_bytes     bigint not null,
  received_at    timestamptz not null,
  status         text not null check (status in ('accepted', 'partial', 'quarantined', 'duplicate')),
  fault_code     text,
  fault_detail   text,
  fault_position text,
  primary key (received_at, document_id)
) partition by range (received_at);
create table raw.documents_default partition of raw.documents default;
create index on raw.documents (document_id);
create index on raw.documents (source, sha256);
create index on raw.documents (load_id);

-- One row for each receipt of a fact (the same fact_id may be received again), or for a record that could not
-- be read (fault_code set, kind null). Everything is as the source wrote it; dbt types and maps it.
create table raw.facts (
  fact_id        text not null,        -- content-derived; the same statement received again has the same id
  load_id        bigint not null,
  document_id    text not null,
  position       text not null,        -- page record, or file segment/element: where in the document
  source         text not null,
  feed           text not null,
  reading        text not null,        -- parser + profile + mapping version that read the document
  received_at    timestamptz not null,
  kind           text check (kind in ('movement', 'balance')),
  item_ref       text,
  location_ref   text,
  status_ref     text,                 -- measure or quantity code as the source wrote it
  lot            text,
  uom            text,
  quantity       text,                 -- as written; exact arithmetic happens in dbt
  recorded       text,                 -- as written: precision is meaning (semantics §2). 'from/to' for an interval
  line_key       text,
  event_key      text,
  revision       integer not null default 1,
  cancel         boolean not null default false,
  sequence       bigint,
  is_test        boolean not null default false,
  correlation_id text,
  correction_id  text,                 -- our own push coming back (semantics §9)
  fault_code     text,
  fault_detail   text,
  check (fault_code is not null or (kind is not null and item_ref is not null and location_ref is not null
         and status_ref is not null and quantity is not null and recorded is not null
         and line_key is not null and event_key is not null))
) partition by range (received_at);
create table raw.facts_default partition of raw.facts default;
create index on raw.facts (load_id);
create index on raw.facts (fact_id);
create index on raw.facts (document_id);

create function raw.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'raw.% is insert-only: % refused', tg_table_name, tg_op
    using errcode = 'restrict_violation', hint = 'Append a correction instead; raw is evidence.';
end $$;
create trigger insert_only before update or delete on raw.loads for each row execute function raw.refuse_change();
create trigger insert_only before update or delete on raw.documents for each row execute function raw.refuse_change();
create trigger insert_only before update or delete on raw.facts for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.loads execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.documents execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.facts execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.documents_default execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.facts_default execute function raw.refuse_change();

-- Called by the loader before it writes; a day that already has rows in the default partition stays there.
create function raw.ensure_partitions(day date) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
  parent text;
  child text;
  lower_bound timestamptz := day::timestamp at time zone 'UTC';
  upper_bound timestamptz := (day + 1)::timestamp at time zone 'UTC';
  taken boolean;
begin
  foreach parent in array array['documents', 'facts'] loop
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
revoke all on function raw.ensure_partitions(date) from public;
grant execute on function raw.ensure_partitions(date) to syncline_loader;

grant select, insert on raw.loads, raw.documents, raw.facts to syncline_loader;
grant usage on sequence raw.load_id_seq to syncline_loader;
grant select on raw.loads, raw.documents, raw.facts to syncline_transformer, syncline_bi;
grant select on raw.loads to syncline_publisher;
