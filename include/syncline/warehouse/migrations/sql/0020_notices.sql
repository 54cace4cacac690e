-- What happened, for whoever subscribes, and how far each subscriber is (ADR 0024).

-- Written by triggers, in the transaction of the thing itself: nobody can forget it, and what is undone was never told.
create table ops.events (
  event_id    text primary key,         -- hash of kind, correlation and the number of the change: never of a run or a clock
  kind        text not null,
  subject     text not null,            -- order is kept within it
  target      text,
  item        text,
  location    text,
  correlation text not null,            -- correction:<id>, trip:<id>, exception:<id>
  payload     jsonb not null,
  occurred_at timestamptz not null,     -- in the product's clock
  recorded_at timestamptz not null default clock_timestamp()
);
create trigger insert_only before update or delete on ops.events for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.events execute function raw.refuse_change();
create index on ops.events (correlation);

-- Events that have no position yet. entry_no is drawn under the lock of what changed, so that it is in order within a subject;
-- across subjects a later number may be committed first, which is why no consumer reads by it.
create table ops.unnumbered_events (
  entry_no bigint generated always as identity primary key,
  event_id text not null references ops.events
);
-- The order that consumers read: without gaps, and nothing is ever added before what is there.
create table ops.event_positions (
  position bigint primary key check (position > 0),
  event_id text not null unique references ops.events
);
create trigger insert_only before update or delete on ops.event_positions for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.event_positions execute function raw.refuse_change();

-- Positions for at most so many events that are committed by now, in order of entry; how many there were.
create function ops.number_events(most integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog as $$
declare last bigint; numbered integer;
begin
  -- One at a time: the statements below see what the one before has committed.
  perform pg_advisory_xact_lock(7240020);
  select coalesce(max(position), 0) into last from ops.event_positions;
  with taken as (
    delete from ops.unnumbered_events
    where entry_no in (select u.entry_no from ops.unnumbered_events u order by u.entry_no limit most)
    returning entry_no, event_id)
  insert into ops.event_positions select last + row_number() over (order by entry_no), event_id from taken;
  get diagnostics numbered = row_count;
  return numbered;
end $$;
revoke execute on function ops.number_events from public;

create function ops.add_event(
  kind text, correlation text, number bigint, subject text, target text, item text, location text, payload jsonb, at timestamptz
) returns void language plpgsql security definer set search_path = pg_catalog as $$
declare id text := encode(sha256(convert_to(concat_ws('|', kind, correlation, number), 'UTF8')), 'hex');
begin
  insert into ops.events (event_id, kind, subject, target, item, location, correlation, payload, occurred_at)
  values (id, kind, subject, target, item, location, correlation, jsonb_strip_nulls(payload), at)
  on conflict do nothing;
  if found then
    insert into ops.unnumbered_events (event_id) values (id);
  end if;
end $$;
revoke execute on function ops.add_event from public;

create function ops.tell_correction() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare c record; kind text; number bigint;
begin
  kind := case
    when new.from_state = new.to_state then null
    when new.from_state = 'unknown' and new.to_state = 'held' then 'correction.escalated'
    when new.to_state in ('applied', 'held', 'dead') then 'correction.' || new.to_state end;
  if kind is null then
    return null;
  end if;
  select * into c from ops.outbox o where o.correction_id = new.correction_id;
  select count(*) into number from ops.outbox_history h where h.correction_id = new.correction_id;
  perform ops.add_event(kind, 'correction:' || new.correction_id, number, concat_ws('/', c.target, c.item, c.location),
    c.target, c.item, c.location,
    jsonb_build_object('correction_id', new.correction_id, 'target', c.target, 'item', c.item, 'location', c.location,
      'kind', c.kind, 'quantity', c.quantity, 'wanted', c.wanted, 'shown', c.shown, 'tries', new.tries,
      'batch_id', c.batch_id, 'reason', left(new.reason, 300)),
    new.moved_at);
  return null;
end $$;
create trigger tell after insert on ops.outbox_history for each row execute function ops.tell_correction();

create function ops.tell_trip() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  if tg_op = 'UPDATE' and (old.state <> 'open' or new.state = 'open') then
    return null;
  end if;
  perform ops.add_event(case tg_op when 'INSERT' then 'breaker.tripped' else 'breaker.closed' end, 'trip:' || new.trip_id,
    case tg_op when 'INSERT' then 1 else 2 end, 'breaker/' || new.trip_id, new.target, null, null,
    jsonb_build_object('trip_id', new.trip_id, 'rule', new.rule, 'target', new.target, 'locations', to_jsonb(new.locations),
      'source', new.source, 'measured', new.measured, 'bound', new.bound, 'state', new.state, 'detail', left(new.detail, 300)),
    coalesce(new.decided_at, new.opened_at));
  return null;
end $$;
create trigger tell after insert or update of state on ops.breaker_trips for each row execute function ops.tell_trip();

create function ops.tell_exception() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  if tg_op = 'UPDATE' and (old.state = new.state or new.state <> 'resolved') then
    return null;
  end if;
  perform ops.add_event('exception.' || case new.state when 'open' then 'opened' else 'resolved' end,
    'exception:' || new.exception_id, case new.state when 'open' then 1 else 2 end,
    left(concat_ws('/', 'exception', new.rule, new.subject), 500), null, null, null,
    jsonb_build_object('exception_id', new.exception_id, 'rule', new.rule, 'subject', left(new.subject, 300),
      'detail', left(new.detail, 300), 'next_step', left(new.next_step, 300)),
    coalesce(new.resolved_at, new.opened_at));
  return null;
end $$;
create trigger tell after insert or update of state on ops.exceptions for each row execute function ops.tell_exception();

-- How far a subscriber is. A new one begins where the log ends, or at its start when its entry says so.
create table ops.subscriber_cursors (
  subscriber   text primary key,
  position     bigint not null check (position >= 0),
  failures     integer not null default 0,  -- runs that it ended, since it last took something
  paused_until timestamptz,             -- back-off of the whole subscriber, in the product's clock
  stopped      text,                    -- why it gets nothing more until a person resumes it
  delivered_at timestamptz              -- when it last took something
);

create table ops.deliveries (
  subscriber   text not null references ops.subscriber_cursors,
  position     bigint not null references ops.event_positions,
  event_id     text not null references ops.events,
  subject      text not null,
  state        text not null check (state in ('waiting', 'sent', 'delivered', 'dead', 'shadow')),
  bundle       text,                    -- what it was, or is, sent in; a repeat is the same bundle
  tries        integer not null default 0,
  first_tried_at timestamptz,
  not_before   timestamptz,             -- back-off
  lease_until  timestamptz,
  lease_holder text,
  status_code  integer,
  told         text,                    -- what the last try came to, in our words
  changed_at   timestamptz not null,    -- in the product's clock
  primary key (subscriber, position),
  check ((state = 'sent') = (lease_until is not null)),
  check (state <> 'sent' or bundle is not null)
);
-- What was never sent is most of a long queue; what was tried and is open is little, and asked for with each claim.
create index new_deliveries on ops.deliveries (subscriber, position) where state = 'waiting' and bundle is null;
create index tried_deliveries on ops.deliveries (subscriber, bundle) where state in ('waiting', 'sent') and bundle is not null;
create index tried_subjects on ops.deliveries (subscriber, subject) where state in ('waiting', 'sent') and bundle is not null;
create index leased_deliveries on ops.deliveries (subscriber, lease_until) where state = 'sent';
create index dead_deliveries on ops.deliveries (subscriber, position) where state = 'dead';

create function ops.guard_delivery() returns trigger language plpgsql as $$
begin
  if (new.subscriber, new.position, new.event_id) is distinct from (old.subscriber, old.position, old.event_id) then
    raise exception 'ops.deliveries: a delivery is of one event to one subscriber' using errcode = 'restrict_violation';
  end if;
  if new.state <> old.state and (old.state, new.state) not in (
      ('waiting', 'sent'), ('sent', 'waiting'), ('sent', 'delivered'), ('sent', 'dead'), ('dead', 'waiting')) then
    raise exception 'ops.deliveries: % of % cannot go from % to %', old.position, old.subscriber, old.state, new.state
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard before update on ops.deliveries for each row execute function ops.guard_delivery();

grant select on ops.events, ops.unnumbered_events, ops.event_positions, ops.subscriber_cursors, ops.deliveries
  to syncline_transformer, syncline_publisher, syncline_bi;
grant insert, update on ops.subscriber_cursors, ops.deliveries to syncline_publisher;
grant execute on function ops.number_events to syncline_publisher;
