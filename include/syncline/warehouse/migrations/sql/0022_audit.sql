-- The audit log (ADR 0028). What happens is written into ops.audit_entries by the transaction that does it; a seal takes
-- all that is there into leaves, one tree, one signed root. Nothing but a seal takes an entry away.

create table ops.audit_entries (        -- not sealed yet
  entry_no bigint generated always as identity primary key,
  stream   text not null,
  key      text not null,
  body     jsonb not null
);

create table ops.audit_keys (
  key_id     text primary key check (key_id ~ '^[0-9a-f]{16}$'),
  public_key bytea not null check (length(public_key) = 32),
  known_from timestamptz not null      -- in the product's clock
);

create table ops.audit_seals (
  seal_no   bigint primary key,         -- 1, 2, 3, …: a gap is a hole
  batch_id  bigint unique references ops.batches,  -- null: sealed between batches
  sealed_at timestamptz not null,       -- in the product's clock
  leaves    bigint not null,
  root      text not null,
  previous  text not null,              -- hash of the seal before
  key_id    text not null references ops.audit_keys,
  statement text not null,              -- what is signed, byte for byte
  signature bytea not null
);

create table ops.audit_leaves (
  seal_no bigint not null references ops.audit_seals,
  leaf_no bigint not null,
  stream  text not null,
  key     text not null,
  body    text not null,                -- jsonb as text: what is hashed
  hash    bytea not null,
  primary key (seal_no, leaf_no)
);
create index on ops.audit_leaves (stream, key);

create table ops.audit_anchors (        -- where the newest seal was written outside
  sink      text not null,
  seal_no   bigint not null references ops.audit_seals,
  written_at timestamptz not null,
  primary key (sink, seal_no)
);

do $$
declare t text;
begin
  foreach t in array array['audit_keys', 'audit_seals', 'audit_leaves', 'audit_anchors'] loop
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
    execute format('create trigger no_truncate before truncate on ops.%I execute function raw.refuse_change()', t);
  end loop;
end $$;

-- The owner's rights: who changes a row cannot leave out, or write, what the log says of it.
create function ops.audit_row() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
  said jsonb := to_jsonb(new);
  named text;
begin
  select string_agg(said ->> k, '/' order by n) into named from unnest(tg_argv) with ordinality as a (k, n);
  insert into ops.audit_entries (stream, key, body) values (tg_table_name, named, said);
  return null;
end $$;

-- Rows that are only ever added, and rows that change in place: of these each state is a leaf.
do $$
declare s record;
begin
  for s in select * from (values
    ('outbox_history', 'move_id', 'insert'), ('decisions', 'decision_id', 'insert'),
    ('config_versions', 'version_id', 'insert'), ('key_holds', 'hold_id', 'insert'),
    ('outbox_redrives', 'correction_id', 'insert'), ('push_attempts', 'correction_id,try_no', 'insert or update'),
    ('hold_questions', 'question_id', 'insert or update'), ('breaker_trips', 'trip_id', 'insert or update'),
    ('exceptions', 'exception_id', 'insert or update')
  ) as v (name, key, events)
  loop
    execute format(
      'create trigger audit after %s on ops.%I for each row execute function ops.audit_row(%s)',
      s.events, s.name, (select string_agg(quote_literal(k), ', ') from unnest(string_to_array(s.key, ',')) as k));
  end loop;
end $$;

grant select on ops.audit_entries, ops.audit_keys, ops.audit_seals, ops.audit_leaves, ops.audit_anchors
  to syncline_publisher, syncline_transformer, syncline_bi;
grant insert on ops.audit_keys, ops.audit_seals, ops.audit_leaves, ops.audit_anchors to syncline_publisher;
grant insert, delete on ops.audit_entries to syncline_publisher;
