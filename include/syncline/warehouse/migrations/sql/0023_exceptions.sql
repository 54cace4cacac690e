-- The exceptions desk (ADR 0029): who owns an exception, what state it is in, every change of it, what it is about.

create table ops.exception_rules (
  version_id bigint not null references ops.config_versions, rule text not null, team text not null,
  severity text not null check (severity in ('critical', 'high', 'normal', 'low')),
  due_s bigint not null check (due_s > 0), period_s bigint not null check (period_s >= 0), action text not null,
  primary key (version_id, rule));
create table ops.owners (
  version_id bigint not null references ops.config_versions, team text not null, location text not null, owner text not null,
  channel text not null, primary key (version_id, team, location));
do $$
declare t text;
begin
  foreach t in array array['exception_rules', 'owners'] loop
    execute format('create view ops.current_%s as select * from ops.%I where version_id = '
                   '(select max(version_id) from ops.config_versions where kind = %L)', t, t, t);
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
    execute format('grant select on ops.%I, ops.current_%s to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader', t, t);
  end loop;
end $$;

create table ops.exception_moves (
  from_state text not null,
  to_state   text not null,
  who        text not null,
  primary key (from_state, to_state)
);
insert into ops.exception_moves values
  ('open', 'acknowledged', 'a person'), ('open', 'snoozed', 'a person'), ('open', 'resolved', 'a person, or its cause is gone'),
  ('acknowledged', 'snoozed', 'a person'), ('acknowledged', 'resolved', 'a person, or its cause is gone'),
  ('snoozed', 'open', 'the lane, at its instant'), ('snoozed', 'acknowledged', 'a person'),
  ('snoozed', 'resolved', 'a person, or its cause is gone'),
  ('resolved', 'reopened', 'its cause inside the period, or a person'),
  ('reopened', 'acknowledged', 'a person'), ('reopened', 'snoozed', 'a person'),
  ('reopened', 'resolved', 'a person, or its cause is gone');

alter table ops.exceptions
  add column version       integer not null default 1,  -- number of its changes
  add column source        text, add column target text, add column item text, add column location text,
  add column measure       text, add column lot text,   -- what it is about, where that is known
  add column team          text,        -- of the owner directory; null: no rule names one
  add column owner         text, add column channel text,
  add column severity      text not null default 'normal',
  add column action        text,        -- suggested by its rule
  add column due_at        timestamptz, add column period_s bigint not null default 86400,
  add column reopened_at   timestamptz,
  add column snoozed_until timestamptz,
  add column resolution    text,        -- accept, correct, write off, ask partner; null: its cause went away
  add column asked         text,        -- the partner who was asked
  add column impact_units  bigint,      -- base units in question
  add column impact_minor  bigint,      -- their value, minor units of currency
  add column orders        integer;     -- orders touched; nobody counts them yet
update ops.exceptions set due_at = opened_at + interval '1 day', version = case state when 'resolved' then 2 else 1 end;
alter table ops.exceptions
  alter column due_at set not null,
  drop constraint exceptions_state_check,
  add constraint exceptions_state_check check (state in ('open', 'acknowledged', 'snoozed', 'resolved', 'reopened')),
  add constraint resolved_has_its_instant check ((state = 'resolved') = (resolved_at is not null)),
  add constraint snoozed_has_its_end check ((state = 'snoozed') = (snoozed_until is not null)),
  add check (resolution in ('accept', 'correct', 'write off', 'ask partner')),
  add check (severity in ('critical', 'high', 'normal', 'low'));
drop index ops.one_open_exception;
create unique index one_open_exception on ops.exceptions (rule, subject) where state <> 'resolved';
create index latest_exception on ops.exceptions (rule, subject, resolved_at) where state = 'resolved';
create index exceptions_of_a_key on ops.exceptions (item, location) where item is not null;
create index snoozed_exceptions on ops.exceptions (snoozed_until) where state = 'snoozed';

create table ops.exception_changes (    -- who, when, what; the row of ops.exceptions is where they lead
  exception_id bigint not null references ops.exceptions,
  version      integer not null,
  what         text not null check (what in ('opened', 'acknowledged', 'assigned', 'commented', 'snoozed', 'woken', 'asked',
                                             'resolved', 'reopened', 'measured')),
  changed_at   timestamptz not null,    -- in the product's clock
  changed_by   text not null check (changed_by <> ''),
  from_state   text,                    -- null: it was opened
  to_state     text not null,
  note         text,
  details      jsonb not null default '{}',  -- what became of owner, instant, resolution, decision, impact
  request_id   text,                    -- the caller's own id: the same request again is the same change
  recorded_at  timestamptz not null default clock_timestamp(),
  primary key (exception_id, version)
);
create unique index one_change_a_request on ops.exception_changes (request_id) where request_id is not null;
insert into ops.exception_changes (exception_id, version, what, changed_at, changed_by, from_state, to_state)
  select exception_id, 1, 'opened', opened_at, 'syncline', null, 'open' from ops.exceptions
  union all
  select exception_id, 2, 'resolved', resolved_at, 'syncline', 'open', 'resolved' from ops.exceptions where state = 'resolved';

create table ops.exception_evidence (   -- where the thread to the raw bytes begins: syncline trace
  exception_id bigint not null references ops.exceptions,
  kind         text not null check (kind in ('fact', 'document', 'correction', 'trip', 'decision')),
  ref          text not null,
  linked_at    timestamptz not null,
  primary key (exception_id, kind, ref)
);
do $$
declare t text;
begin
  foreach t in array array['exception_changes', 'exception_evidence'] loop
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
    execute format('create trigger no_truncate before truncate on ops.%I execute function raw.refuse_change()', t);
  end loop;
end $$;

create function ops.guard_exception() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'open' or new.version <> 1 then
      raise exception 'ops.exceptions: an exception begins as open' using errcode = 'restrict_violation';
    end if;
    return new;
  end if;
  if (new.exception_id, new.rule, new.subject, new.opened_at) is distinct from (old.exception_id, old.rule, old.subject, old.opened_at) then
    raise exception 'ops.exceptions: % stays the exception that it is', old.exception_id using errcode = 'restrict_violation';
  end if;
  if new.version <> old.version + 1 then
    raise exception 'ops.exceptions: % is changed by ops.change_exception, which records it', old.exception_id
      using errcode = 'restrict_violation';
  end if;
  if new.state <> old.state and not exists (
      select from ops.exception_moves m where m.from_state = old.state and m.to_state = new.state) then
    raise exception 'ops.exceptions: % cannot go from % to %', old.exception_id, old.state, new.state
      using errcode = 'restrict_violation', hint = 'The allowed moves are in ops.exception_moves.';
  end if;
  return new;
end $$;
create trigger guard before insert or update on ops.exceptions for each row execute function ops.guard_exception();
create trigger no_delete before delete on ops.exceptions for each row execute function raw.refuse_change();

-- The rule's row: its own, else that of its family (`quarantined: *` for `quarantined: in_future`).
create function ops.exception_rule(asked text, out team text, out severity text, out due_s bigint, out period_s bigint, out action text)
language sql stable security definer set search_path = pg_catalog as $$
  select r.team, coalesce(r.severity, 'normal'), coalesce(r.due_s, 86400), coalesce(r.period_s, 86400), r.action
  from (values (1)) one (row)
  left join lateral (
    select * from ops.current_exception_rules x
    where x.rule in (asked, split_part(asked, ': ', 1) || ': *') order by x.rule = asked desc limit 1) r on true
$$;
-- Who of a team answers for a place: one location before a pattern before `*`, as ownership rules are read. Patterns of one
-- team that are equally specific never meet (config check).
create function ops.exception_owner(asked text, place text, out owner text, out channel text)
language sql stable security definer set search_path = pg_catalog as $$
  select o.owner, o.channel
  from (values (1)) one (row)
  left join lateral (
    select * from ops.current_owners x
    where x.team = asked and coalesce(place, '') like
      replace(replace(replace(replace(replace(x.location, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), '?', '_')
    order by case when x.location = '*' then 0 when x.location ~ '[*?]' then 1 else 2 end desc, x.location collate "C" limit 1) o on true
$$;

-- Every change goes through here: the row and its record are written together, under the row's lock. Null: the same request
-- was taken before. `more` may have: owner, team, until, resolution, asked, units, minor, orders, detail, next_step, batch,
-- decision, correction, document, request, expected (the version that the caller has seen), quiet (it may be so already: null then).
create function ops.change_exception(id bigint, what text, by_whom text, at timestamptz, note text default null, more jsonb default '{}')
returns integer language plpgsql security definer set search_path = pg_catalog as $$
declare e ops.exceptions; next text; directory record; ruled record;
begin
  select * into e from ops.exceptions x where x.exception_id = id for update;
  if not found then
    raise exception 'ops.exceptions: there is no %', id using errcode = 'no_data_found';
  end if;
  if more ? 'request' and exists (select from ops.exception_changes c where c.request_id = more ->> 'request') then
    return null;
  end if;
  if more ? 'expected' and (more ->> 'expected')::integer <> e.version then
    raise exception 'ops.exceptions: % was changed meanwhile', id using errcode = 'serialization_failure';
  end if;
  next := case what when 'acknowledged' then 'acknowledged' when 'snoozed' then 'snoozed' when 'asked' then 'snoozed'
    when 'woken' then 'open' when 'resolved' then 'resolved' when 'reopened' then 'reopened' else e.state end;
  if more ? 'quiet' and (next = e.state or (what = 'woken' and e.state <> 'snoozed')) then
    return null;
  end if;
  if what in ('acknowledged', 'resolved', 'reopened', 'woken') and next = e.state then
    raise exception 'ops.exceptions: % is % already', id, e.state using errcode = 'restrict_violation';
  end if;
  if next = e.state and e.state = 'resolved' and what <> 'commented' then
    raise exception 'ops.exceptions: % is resolved: reopen it first', id using errcode = 'restrict_violation';
  end if;
  ruled := ops.exception_rule(e.rule);
  directory := ops.exception_owner(coalesce(more ->> 'team', e.team), coalesce(e.location, e.source, e.target));
  update ops.exceptions x set
    version = e.version + 1, state = next,
    team = coalesce(more ->> 'team', x.team),
    owner = case when more ? 'owner' then more ->> 'owner' when more ? 'team' then directory.owner else x.owner end,
    -- Of a person the directory may know a channel; another one's is none of theirs.
    channel = case
      when more ? 'owner' and more ->> 'owner' is distinct from x.owner then (
        select o.channel from ops.current_owners o where o.owner = more ->> 'owner' order by o.team, o.location limit 1)
      when more ? 'team' then directory.channel else x.channel end,
    snoozed_until = case when next = 'snoozed' then coalesce((more ->> 'until')::timestamptz, x.snoozed_until) end,
    resolved_at = case when next = 'resolved' then coalesce(x.resolved_at, at) end,
    resolution = case when what in ('resolved', 'asked') then more ->> 'resolution' when what = 'reopened' then null else x.resolution end,
    asked = case when what = 'asked' then more ->> 'asked' when what = 'reopened' then null else x.asked end,
    reopened_at = case when what = 'reopened' then at else x.reopened_at end,
    due_at = case when what = 'reopened' then at + ruled.due_s * interval '1 second' else x.due_at end,
    detail = coalesce(more ->> 'detail', x.detail), next_step = coalesce(more ->> 'next_step', x.next_step),
    batch_id = coalesce((more ->> 'batch')::bigint, x.batch_id),
    impact_units = coalesce((more ->> 'units')::bigint, x.impact_units),
    impact_minor = coalesce((more ->> 'minor')::bigint, x.impact_minor),
    orders = coalesce((more ->> 'orders')::integer, x.orders)
  where x.exception_id = id;
  insert into ops.exception_changes (exception_id, version, what, changed_at, changed_by, from_state, to_state, note, details, request_id)
  values (id, e.version + 1, what, at, by_whom, e.state, next, note, more - array['request', 'expected', 'quiet'], more ->> 'request');
  insert into ops.exception_evidence (exception_id, kind, ref, linked_at)
  select id, l.kind, more ->> l.kind, at from (values ('decision'), ('correction'), ('document')) l (kind) where more ? l.kind
  on conflict do nothing;
  return e.version + 1;
end $$;

-- Open it, reopen the one that is inside its period, or leave the one that stands. `about`: source, target, item, location,
-- measure, lot. `evidence`: `fact:<id>`, `document:<id>`, `correction:<id>`, `trip:<id>`; at most 50 of an exception.
create function ops.open_exception(asked_rule text, asked_subject text, detail text, next_step text, at timestamptz,
  batch bigint default null, about jsonb default '{}', units bigint default null, evidence text[] default '{}')
returns text language plpgsql security definer set search_path = pg_catalog as $$
declare e ops.exceptions; id bigint; ruled record; directory record; minor bigint; came text; a jsonb := jsonb_strip_nulls(about);
begin
  minor := abs(units) * (select i.unit_value from ops.current_items i where i.item = a ->> 'item');
  loop
    select * into e from ops.exceptions x where x.rule = asked_rule and x.subject = asked_subject and x.state <> 'resolved';
    if found then
      id := e.exception_id; came := 'known';
      if abs(units) is distinct from e.impact_units and units is not null then
        perform ops.change_exception(id, 'measured', 'syncline', at, null,
          jsonb_strip_nulls(jsonb_build_object('units', abs(units), 'minor', minor)));
      end if;
      exit;
    end if;
    select * into e from ops.exceptions x where x.rule = asked_rule and x.subject = asked_subject and x.state = 'resolved'
      order by x.resolved_at desc, x.exception_id desc limit 1 for update;
    -- A batch that does not know the decision yet still finds what it answers.
    if found and batch is not null and exists (
        select from ops.exception_evidence v where v.exception_id = e.exception_id and v.kind = 'decision' and not exists (
          select from ops.batch_decisions b where b.decision_id = v.ref and b.batch_id <= batch)) then
      return 'answered';
    end if;
    if found and at < e.resolved_at + e.period_s * interval '1 second' then
      id := e.exception_id; came := 'reopened';
      perform ops.change_exception(id, 'reopened', 'syncline', at, null, jsonb_strip_nulls(jsonb_build_object(
        'detail', detail, 'next_step', next_step, 'batch', batch, 'units', abs(units), 'minor', minor)));
      exit;
    end if;
    ruled := ops.exception_rule(asked_rule);
    directory := ops.exception_owner(ruled.team, coalesce(a ->> 'location', a ->> 'source', a ->> 'target'));
    insert into ops.exceptions (rule, subject, state, detail, next_step, batch_id, opened_at, source, target, item, location,
      measure, lot, team, owner, channel, severity, action, due_at, period_s, impact_units, impact_minor)
    values (asked_rule, asked_subject, 'open', detail, next_step, batch, at, a ->> 'source', a ->> 'target', a ->> 'item',
      a ->> 'location', a ->> 'measure', a ->> 'lot', ruled.team, directory.owner, directory.channel, ruled.severity, ruled.action,
      at + ruled.due_s * interval '1 second', ruled.period_s, abs(units), minor)
    on conflict (rule, subject) where state <> 'resolved' do nothing returning exception_id into id;
    if id is not null then
      came := 'opened';
      insert into ops.exception_changes (exception_id, version, what, changed_at, changed_by, to_state) values (id, 1, 'opened', at, 'syncline', 'open');
      exit;
    end if;
  end loop;
  if cardinality(evidence) > 0 then
    insert into ops.exception_evidence (exception_id, kind, ref, linked_at)
    select id, split_part(n.said, ':', 1), substr(n.said, strpos(n.said, ':') + 1), at
    from (select distinct said from unnest(evidence) u (said) where said is not null
          except select v.kind || ':' || v.ref from ops.exception_evidence v where v.exception_id = id) n
    order by n.said collate "C" limit greatest(0, 50 - (select count(*) from ops.exception_evidence v where v.exception_id = id))
    on conflict do nothing;
  end if;
  return came;
end $$;

-- Who subscribes hears of it from the record of the change, whose number is the event's: told again it is the same event.
drop trigger tell on ops.exceptions;
drop function ops.tell_exception;
create function ops.tell_exception() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare e ops.exceptions;
begin
  select * into e from ops.exceptions x where x.exception_id = new.exception_id;
  perform ops.add_event('exception.' || new.what, 'exception:' || e.exception_id, new.version,
    left(concat_ws('/', 'exception', e.rule, e.subject), 500), e.target, e.item, e.location,
    jsonb_build_object('exception_id', e.exception_id, 'rule', e.rule, 'subject', left(e.subject, 300),
      'detail', left(e.detail, 300), 'next_step', left(e.next_step, 300), 'severity', e.severity, 'team', e.team,
      'owner', e.owner, 'channel', e.channel, 'due_at', e.due_at, 'impact_units', e.impact_units, 'impact_minor', e.impact_minor,
      'resolution', e.resolution, 'asked', new.details -> 'asked', 'answer_by', new.details -> 'until',
      'question', case new.what when 'asked' then left(new.note, 300) end),
    new.changed_at);
  return null;
end $$;
create trigger tell after insert on ops.exception_changes for each row
  when (new.what in ('opened', 'reopened', 'assigned', 'asked', 'woken', 'resolved')) execute function ops.tell_exception();

-- Who opens, changes or closes one does it by these; nothing else writes.
revoke insert, update on ops.exceptions from syncline_loader, syncline_transformer, syncline_publisher;
revoke execute on function ops.open_exception, ops.change_exception, ops.exception_rule, ops.exception_owner from public;
grant execute on function ops.open_exception, ops.change_exception to syncline_loader, syncline_transformer, syncline_publisher;
grant select on ops.exceptions to syncline_loader;
grant select on ops.exception_moves, ops.exception_changes, ops.exception_evidence
  to syncline_loader, syncline_transformer, syncline_publisher, syncline_bi;

-- The audit log (ADR 0028) says every change, not the row that shows the last one.
drop trigger audit on ops.exceptions;
create trigger audit after insert on ops.exception_changes for each row
  execute function ops.audit_row('exception_id', 'version');
