-- ops: what we did and decided. Never derived, never rebuilt.

-- Landing --------------------------------------------------------------------------------------------------
create table ops.source_cursors (       -- moved in the transaction that closes the load
  source      text primary key,
  cursor      jsonb not null,
  load_id     bigint,
  polled_at   timestamptz not null      -- start of the last complete poll, also of one that found nothing
);

create table ops.files (                -- the register of every file seen on a partner's server
  file_id      bigint generated always as identity primary key,
  source       text not null,
  name         text not null,
  size_bytes   bigint not null,
  modified_at  timestamptz,
  state        text not null check (state in ('seen', 'claimed', 'landed', 'archived', 'refused')),
  claimed_as   text,
  sha256       text,
  document_id  text,
  fault_code   text,
  detail       text,
  seen_at      timestamptz not null,
  changed_at   timestamptz not null
);
create unique index on ops.files (source, name) where state = 'seen';
create unique index on ops.files (source, claimed_as) where claimed_as is not null;

-- Configuration: whole versions, appended; the views show the latest ---------------------------------------
create table ops.config_versions (
  version_id  bigint generated always as identity primary key,
  kind        text not null,            -- table name below
  sha256      text not null,
  rows        integer not null,
  applied_at  timestamptz not null,
  applied_by  text not null
);
create index on ops.config_versions (kind, version_id desc);

create table ops.sources (
  version_id bigint not null references ops.config_versions, source text not null, system text not null, feed text not null,
  clock_skew_s integer not null check (clock_skew_s >= 0), lag_s integer not null check (lag_s >= 0), timezone text,
  primary key (version_id, source));
create table ops.locations (
  version_id bigint not null references ops.config_versions, location text not null, timezone text not null, region text not null,
  primary key (version_id, location));
create table ops.items (
  version_id bigint not null references ops.config_versions, item text not null, base_uom text not null, item_class text not null,
  primary key (version_id, item));
create table ops.item_crosswalk (
  version_id bigint not null references ops.config_versions, source text not null, item_ref text not null, item text not null,
  valid_from timestamptz not null, valid_to timestamptz not null, primary key (version_id, source, item_ref, valid_from));
create table ops.location_crosswalk (
  version_id bigint not null references ops.config_versions, source text not null, location_ref text not null, location text not null,
  valid_from timestamptz not null, valid_to timestamptz not null, primary key (version_id, source, location_ref, valid_from));
create table ops.status_crosswalk (
  version_id bigint not null references ops.config_versions, source text not null, status_ref text not null, measure text not null,
  primary key (version_id, source, status_ref));
create table ops.unit_factors (         -- base units per unit, exact rational; days are the location's
  version_id bigint not null references ops.config_versions, item text not null, uom text not null,
  factor_num bigint not null check (factor_num > 0), factor_den bigint not null check (factor_den > 0),
  valid_from date not null, valid_to date not null, primary key (version_id, item, uom, valid_from));
create table ops.ownership_rules (
  version_id bigint not null references ops.config_versions, measure text not null, location text not null, item_class text not null,
  source text not null, role text not null check (role in ('primary', 'secondary', 'observer')),
  grain text not null check (grain in ('item', 'lot')), movements text not null check (movements in ('', 'apply')),
  valid_from timestamptz not null, valid_to timestamptz not null,
  primary key (version_id, measure, location, item_class, source, valid_from));
create table ops.channel_rules (        -- semantics §8
  version_id bigint not null references ops.config_versions, channel text not null, location text not null, item_class text not null,
  safety_stock bigint not null check (safety_stock >= 0), confidence text not null check (confidence in ('quantity', 'low bound')),
  primary key (version_id, channel, location, item_class));
create table ops.tolerances (           -- a correction above it is held for a person
  version_id bigint not null references ops.config_versions, target text not null, item_class text not null,
  units_max bigint not null check (units_max >= 0), primary key (version_id, target, item_class));

do $$
declare t text;
begin
  foreach t in array array['sources', 'locations', 'items', 'item_crosswalk', 'location_crosswalk', 'status_crosswalk',
                           'unit_factors', 'ownership_rules', 'channel_rules', 'tolerances'] loop
    execute format('create view ops.current_%s as select * from ops.%I where version_id = '
                   '(select max(version_id) from ops.config_versions where kind = %L)', t, t, t);
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
    execute format('grant select on ops.%I, ops.current_%s to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader', t, t);
  end loop;
end $$;
create trigger insert_only before update or delete on ops.config_versions for each row execute function raw.refuse_change();

-- Batches: the watermark is the set of rows here, moved in the transaction that releases ---------------------
create table ops.batches (
  batch_id    bigint generated always as identity primary key,
  as_of       timestamptz not null,     -- run time as data
  state       text not null check (state in ('open', 'built', 'held', 'released')),
  opened_at   timestamptz not null default clock_timestamp(),
  released_at timestamptz,
  released_as_of timestamptz,
  corrections integer,
  note        text
);
create unique index one_batch_in_flight on ops.batches ((true)) where state in ('open', 'built', 'held');
create table ops.batch_loads (
  load_id     bigint primary key references raw.loads,
  batch_id    bigint not null references ops.batches
);
create index on ops.batch_loads (batch_id);

-- The other two things that touch a key: configuration changes and due times; also requests to re-drive and pushes.
create table ops.key_triggers (
  trigger_id  bigint generated always as identity primary key,
  item        text not null,
  location    text not null,
  measure     text not null,
  reason      text not null,
  due_at      timestamptz not null,
  batch_id    bigint references ops.batches
);
create index on ops.key_triggers (due_at) where batch_id is null;
create index on ops.key_triggers (batch_id);
create table ops.redrives (             -- facts to map again, after a crosswalk learned them
  redrive_id   bigint generated always as identity primary key,
  fact_id      text not null,
  requested_at timestamptz not null,
  requested_by text not null,
  batch_id     bigint references ops.batches
);
create index on ops.redrives (batch_id);
create table ops.current_batch (        -- the control row dbt reads instead of --vars
  only_row    boolean primary key default true check (only_row),
  batch_id    bigint not null,
  as_of       timestamptz not null
);

create table ops.gate_results (
  batch_id    bigint not null references ops.batches,
  suite       text not null,
  expectation text not null,
  severity    text not null check (severity in ('critical', 'warning', 'info')),
  success     boolean not null,
  failed_rows integer not null,
  detail      jsonb not null,
  primary key (batch_id, suite, expectation)
);
create table ops.gate_held (            -- rows the gate keeps back, each with its reason; the others flow
  batch_id    bigint not null references ops.batches,
  target      text not null,
  item        text not null,
  location    text not null,
  reason      text not null,
  primary key (batch_id, target, item, location, reason)
);

-- Targets --------------------------------------------------------------------------------------------------
create table ops.target_cursors (       -- position in a target's change list: everything up to it has been read
  target      text primary key,
  position    bigint not null,
  read_at     timestamptz not null
);
create table ops.target_readings (      -- what a target showed, counted (semantics §9); history kept
  target      text not null,
  item        text not null,
  location    text not null,
  reading_no  bigint not null,
  quantity    bigint not null,
  version     text,                     -- the target's own version for compare-and-set
  read_at     timestamptz not null,
  primary key (target, item, location, reading_no)
);
create table ops.target_changes (       -- complete change list of a target: ours (correction_id) and outside ones
  target        text not null,
  position      bigint not null,
  item          text not null,
  location      text not null,
  kind          text not null,          -- set, adjustment, order, outside
  delta         bigint not null,
  quantity_after bigint not null,
  correction_id text,
  event_key     text,                   -- of a channel order: the owner tells the same event key when it allocates
  changed_at    timestamptz not null,
  primary key (target, position)
);
create index on ops.target_changes (target, item, location, position);
create index on ops.target_changes (correction_id);
create table ops.target_versions (      -- what the target should show, counted: A, B, A are three versions
  target      text not null,
  item        text not null,
  location    text not null,
  version     bigint not null,
  wanted      bigint not null,
  batch_id    bigint not null references ops.batches,
  primary key (target, item, location, version)
);
create table ops.correction_queue (     -- (target, key) whose wanted or shown number may have moved
  target      text not null,
  item        text not null,
  location    text not null,
  reason      text not null,
  queued_at   timestamptz not null,
  primary key (target, item, location)
);
create table ops.outbox (
  correction_id text primary key,       -- hash of target, key, to version, reading number, quantity, kind
  target        text not null,
  item          text not null,
  location      text not null,
  to_version    bigint not null,
  reading_no    bigint not null,
  kind          text not null check (kind in ('delta', 'set')),
  wanted        bigint not null,
  shown         bigint not null,        -- the reading it was computed from
  quantity      bigint not null,        -- the delta, or the number to set
  expected_version text,                -- compare-and-set: the version of the reading
  state         text not null check (state in ('pending', 'held', 'sent', 'rejected', 'unknown', 'applied', 'dead')),
  reason        text,                   -- why held, rejected or dead
  batch_id      bigint not null references ops.batches,
  tries         integer not null default 0,
  not_before    timestamptz,            -- back-off
  lease_until   timestamptz,
  lease_holder  text,
  created_at    timestamptz not null,
  changed_at    timestamptz not null,
  closed_at     timestamptz,
  unique (target, item, location, to_version, reading_no, quantity, kind)
);
create unique index one_open_correction_per_key on ops.outbox (target, item, location)
  where state in ('pending', 'held', 'sent', 'unknown', 'rejected');
create index on ops.outbox (target, state);
create table ops.push_attempts (
  correction_id text not null references ops.outbox,
  try_no        integer not null,
  sent_at       timestamptz not null,
  deadline_at   timestamptz not null,
  answered_at   timestamptz,
  outcome       text,                   -- applied, replayed, refused, stale, not_executed, unknown
  status_code   integer,
  answer        jsonb,
  primary key (correction_id, try_no)
);

create table ops.exceptions (           -- one open exception per (rule, subject)
  exception_id bigint generated always as identity primary key,
  rule         text not null,
  subject      text not null,
  state        text not null check (state in ('open', 'resolved')),
  detail       text not null,
  next_step    text not null,
  batch_id     bigint,
  opened_at    timestamptz not null,
  resolved_at  timestamptz
);
create unique index one_open_exception on ops.exceptions (rule, subject) where state = 'open';

grant select, insert, update on ops.source_cursors, ops.files to syncline_loader;
grant select, insert, update on ops.exceptions to syncline_loader, syncline_transformer, syncline_publisher;
grant select, insert, update on ops.batches, ops.batch_loads, ops.key_triggers, ops.redrives, ops.current_batch to syncline_transformer;
grant select, insert, update, delete on ops.gate_results, ops.gate_held to syncline_publisher;
grant select, insert, update on ops.batches, ops.outbox, ops.target_cursors, ops.push_attempts to syncline_publisher;
grant select, insert on ops.target_readings, ops.target_changes, ops.target_versions, ops.key_triggers to syncline_publisher;
grant select, insert, update, delete on ops.correction_queue to syncline_publisher, syncline_transformer;
grant select on all tables in schema ops to syncline_transformer, syncline_publisher, syncline_bi;
