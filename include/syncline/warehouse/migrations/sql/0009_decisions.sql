-- What people decided (semantics §4): appended, never edited. A later decision replaces an earlier one.
create table ops.decisions (
  decision_id text primary key check (decision_id ~ '^\S{1,100}$'),  -- says nothing: the same id again is the same decision
  kind        text not null check (kind in ('keep', 'write_off', 'accept')),
  decided_by  text not null check (decided_by <> ''),
  decided_at  timestamptz not null,     -- in the product's clock
  why         text not null check (why <> ''),
  fact_id     text,                     -- keep: the telling that holds for its line and its event
  answers     text[] not null,          -- keep: the tellings seen beside it; accept: the facts that it answers
  item        text,                     -- from here on, write_off: the movement, in our names and the base unit
  location    text,
  measure     text check (measure in ('on_hand', 'allocated', 'damaged', 'quarantined', 'in_transit', 'consigned')),
  lot         text,
  uom         text,
  quantity    bigint check (quantity <> 0),
  recorded    timestamptz,
  event_key   text,
  stored_at   timestamptz not null default clock_timestamp(),
  stored_by   text not null default session_user,
  check ((kind = 'keep') = (fact_id is not null)),
  check (case kind when 'write_off' then num_nulls(item, location, measure, uom, quantity, recorded, event_key) = 0
         else num_nonnulls(item, location, measure, lot, uom, quantity, recorded, event_key) = 0 end),
  check (case kind when 'accept' then cardinality(answers) > 0 when 'write_off' then answers = '{}' else true end),
  check (recorded <= decided_at)
);

-- The batch that first saw a decision: a batch that runs, and one that is asked about later, knows what was decided by then.
create table ops.batch_decisions (
  decision_id text primary key references ops.decisions,
  batch_id    bigint not null references ops.batches
);
create index on ops.batch_decisions (batch_id);

do $$
declare t text;
begin
  foreach t in array array['decisions', 'batch_decisions'] loop
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
    execute format('create trigger no_truncate before truncate on ops.%I execute function raw.refuse_change()', t);
  end loop;
end $$;

create view ops.current_decisions as
select d.*, b.batch_id from ops.decisions d join ops.batch_decisions b using (decision_id);

-- Who can tell a fact: the declared sources, and people, whose write-offs land as facts of `operator` (ADR 0014).
create view ops.current_speakers as
select source, system, feed, clock_skew_s, lag_s, timezone from ops.current_sources
union all
select 'operator', 'operator', 'decision', 0, 0, 'UTC';

-- Who decides in the warehouse stores decisions; the loader lands what follows from one, and cannot decide.
grant insert on ops.decisions, ops.batch_decisions to syncline_transformer;
grant select on ops.decisions, ops.batch_decisions, ops.current_decisions, ops.current_speakers
  to syncline_transformer, syncline_publisher, syncline_bi;
grant select on ops.decisions to syncline_loader;

-- An item that is sold no more. Its stock stays what it is; a channel shows 0 of it only where its rule says so.
alter table ops.items add column discontinued_from timestamptz not null default 'infinity';
create or replace view ops.current_items as
  select * from ops.items where version_id = (select max(version_id) from ops.config_versions where kind = 'items');
alter table ops.channel_rules add column discontinued text not null default '' check (discontinued in ('', 'zero'));
create or replace view ops.current_channel_rules as
  select * from ops.channel_rules where version_id = (select max(version_id) from ops.config_versions where kind = 'channel_rules');
