-- What a source's own order says is missing, and what waits before a person is asked for it.

-- What the source said of its book with the fact: its balance of the measure after the event, in base units, as written.
alter table raw.facts add column balance_after text;

-- How long what is missing may be late, beyond the source's lag, before it becomes an exception; and whether the numbers
-- of its events have no gaps (else '').
alter table ops.sources
  add column hold_s integer not null default 3600 check (hold_s >= 0),
  add column sequence text not null default '' check (sequence in ('', 'gap_free'));
create or replace view ops.current_sources as
  select * from ops.sources where version_id = (select max(version_id) from ops.config_versions where kind = 'sources');

-- The numbers that each source with a gap-free sequence has told, events without a fact and broken ones too: as few
-- ranges as there are gaps. Moved in the transaction that lands what told them.
create table ops.sequences (
  source      text primary key,
  seen        int8multirange not null,
  heard_at    timestamptz not null      -- receipt of the load that last told a new number
);
create table ops.sequence_gaps (
  gap_id      bigint generated always as identity primary key,
  source      text not null,
  first_no    bigint not null,          -- the numbers missing, both ends included
  last_no     bigint not null check (last_no >= first_no),
  noticed_at  timestamptz not null,
  due_at      timestamptz not null,     -- from here on it is an exception
  raised_at   timestamptz,
  state       text not null check (state in ('open', 'arrived', 'given up')),
  ended_at    timestamptz,
  check ((state = 'open') = (ended_at is null))
);
create unique index one_open_gap on ops.sequence_gaps (source, first_no) where state = 'open';

-- Causes that are an exception only when they still stand at due_at: one open row for each, ended when the cause is gone.
create table ops.suspicions (
  suspicion_id bigint generated always as identity primary key,
  rule        text not null,
  subject     text not null,
  item        text not null,
  location    text not null,
  measure     text not null,
  batch_id    bigint not null references ops.batches,  -- that noticed it
  noticed_at  timestamptz not null,
  due_at      timestamptz not null,
  raised_at   timestamptz,              -- when it became an exception
  ended_at    timestamptz
);
create unique index one_open_suspicion on ops.suspicions (rule, subject) where ended_at is null;
create index on ops.suspicions (item, location, measure) where ended_at is null;

-- The newest version of the configuration that the tests of a build have found without a fault.
alter table ops.current_batch add column checked_version bigint not null default 0;

grant select, insert, update on ops.sequences to syncline_loader;
grant select, update on ops.sequences to syncline_transformer;
grant select, insert, update on ops.sequence_gaps, ops.suspicions to syncline_transformer;
grant select on ops.sequences, ops.sequence_gaps, ops.suspicions to syncline_publisher, syncline_bi;
