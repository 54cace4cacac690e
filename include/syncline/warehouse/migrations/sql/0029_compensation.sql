-- Compensations (ADR 0033): which findings are answered by a rule, what was done by it, and how it is taken back.

create table ops.compensation_rules (
  version_id bigint not null references ops.config_versions, rule text not null, finding text not null,
  cause_class text not null, cause text not null, location text not null, item_class text not null,
  action text not null check (action in ('accept', 'correct', 'write off', 'ask partner')),
  mode text not null check (mode in ('off', 'dry run', 'approve', 'live')),
  wait_s bigint not null,             -- so long it must have stood
  key_units bigint not null, key_value bigint not null,                               -- of one, at most
  run_keys bigint not null, run_units bigint not null, day_units bigint not null,     -- of all, at most
  again_s bigint not null,            -- the same key not again before that
  primary key (version_id, rule));
create view ops.current_compensation_rules as
  select * from ops.compensation_rules
  where version_id = (select max(version_id) from ops.config_versions where kind = 'compensation_rules');
create trigger insert_only before update or delete on ops.compensation_rules for each row execute function raw.refuse_change();
grant select on ops.compensation_rules, ops.current_compensation_rules
  to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader;

-- An accept can be taken back, and a write-off says which one it is the opposite of.
alter table ops.decisions add column withdraws text references ops.decisions;
alter table ops.decisions drop constraint decisions_kind_check;
alter table ops.decisions add constraint decisions_kind_check check (kind in ('keep', 'write_off', 'accept', 'withdraw'));
alter table ops.decisions add constraint withdrawn_by_its_kind
  check (case kind when 'withdraw' then withdraws is not null when 'write_off' then true else withdraws is null end);
-- What was withdrawn answers nothing; who withdrew it is still there, so that its facts are thought about again.
create or replace view ops.current_decisions as
select d.decision_id, d.kind, d.decided_by, d.decided_at, d.why, d.fact_id, d.answers, d.item, d.location, d.measure, d.lot, d.uom,
       d.quantity, d.recorded, d.event_key, d.stored_at, d.stored_by, b.batch_id, d.withdraws
from ops.decisions d join ops.batch_decisions b using (decision_id)
where d.kind <> 'accept' or not exists (
  select from ops.decisions w join ops.batch_decisions k using (decision_id)
  where w.kind = 'withdraw' and w.withdraws = d.decision_id);

create table ops.compensation_moves (
  from_state text not null,           -- '': it is new
  to_state   text not null,
  who        text not null,
  primary key (from_state, to_state)
);
insert into ops.compensation_moves values
  ('', 'dry run', 'a run'), ('', 'waiting', 'a run'), ('', 'applied', 'a run'),
  ('dry run', 'waiting', 'a run'), ('dry run', 'applied', 'a run'), ('dry run', 'gone', 'a run'),
  ('waiting', 'dry run', 'a run'), ('waiting', 'applied', 'a person, or a run'), ('waiting', 'rejected', 'a person'),
  ('waiting', 'gone', 'a run'),
  ('gone', 'dry run', 'a run'), ('gone', 'waiting', 'a run'), ('gone', 'applied', 'a run'),
  ('applied', 'reversed', 'a person');

create table ops.compensations (
  compensation_id text primary key check (compensation_id ~ '^[0-9a-f]{40}$'),  -- of its content: the same finding again is the same
  rule         text not null,
  finding      text not null,
  subject      text not null,
  exception_id bigint references ops.exceptions,
  action       text not null check (action in ('accept', 'correct', 'write off', 'ask partner')),
  item         text, location text, measure text, lot text, target text, source text,
  event_key    text,                  -- of a transfer
  units        bigint not null,       -- signed base units that it is about
  value_minor  bigint not null check (value_minor >= 0),
  detail       text not null,
  evidence     text[] not null,       -- fact:<id>, document:<id>, run:<id>
  state        text not null,
  reason       text,                  -- why it waits
  run          text not null,         -- that brought it into this state; a run that is cleared keeps its name
  proposed_at  timestamptz not null,  -- in the product's clock, as every time here
  changed_at   timestamptz not null,
  changed_by   text not null check (changed_by <> ''),
  note         text,
  decision_id  text references ops.decisions,
  reversal_id  text references ops.decisions,
  version      integer not null default 1,
  asked_by     text, asked_until timestamptz  -- the run that asks a person in the Airflow UI
);
create index on ops.compensations (rule, item, location, measure);
create index on ops.compensations (changed_at) where state in ('applied', 'reversed');
create index on ops.compensations (state) where state in ('dry run', 'waiting');

create table ops.compensation_changes (
  compensation_id text not null references ops.compensations,
  version    integer not null,
  from_state text not null,
  to_state   text not null,
  changed_at timestamptz not null,
  changed_by text not null,
  run        text not null,
  reason     text,
  note       text,
  decision_id text, reversal_id text,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (compensation_id, version)
);
create trigger insert_only before update or delete on ops.compensation_changes for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.compensation_changes execute function raw.refuse_change();
create trigger no_delete before delete on ops.compensations for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.compensations execute function raw.refuse_change();

create function ops.guard_compensation() returns trigger language plpgsql as $$
declare was text := case tg_op when 'INSERT' then '' else old.state end;
begin
  if tg_op = 'UPDATE' then
    if (new.compensation_id, new.rule, new.finding, new.subject, new.exception_id, new.action, new.item, new.location, new.measure,
        new.lot, new.target, new.units, new.value_minor, new.evidence, new.proposed_at)
       is distinct from (old.compensation_id, old.rule, old.finding, old.subject, old.exception_id, old.action, old.item,
        old.location, old.measure, old.lot, old.target, old.units, old.value_minor, old.evidence, old.proposed_at) then
      raise exception 'ops.compensations: % stays what it is', old.compensation_id using errcode = 'restrict_violation';
    end if;
    if new.state = old.state then
      new.version := old.version;
      return new;
    end if;
    new.version := old.version + 1;
    new.asked_by := null;
    new.asked_until := null;
  else
    new.version := 1;
  end if;
  if not exists (select from ops.compensation_moves m where m.from_state = was and m.to_state = new.state) then
    raise exception 'ops.compensations: % cannot go from % to %', new.compensation_id, was, new.state
      using errcode = 'restrict_violation', hint = 'The allowed moves are in ops.compensation_moves.';
  end if;
  return new;
end $$;
create trigger guard before insert or update on ops.compensations for each row execute function ops.guard_compensation();

-- The record of a change is written with it, by the owner's right: who changes a row cannot leave it out.
create function ops.record_compensation() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  if tg_op = 'UPDATE' and new.version = old.version then
    return null;
  end if;
  insert into ops.compensation_changes (compensation_id, version, from_state, to_state, changed_at, changed_by, run, reason, note,
    decision_id, reversal_id)
  values (new.compensation_id, new.version, case tg_op when 'INSERT' then '' else old.state end, new.state, new.changed_at,
    new.changed_by, new.run, new.reason, new.note, new.decision_id, new.reversal_id);
  if new.state in ('applied', 'reversed') then
    perform ops.add_event('compensation.' || new.state, 'compensation:' || new.compensation_id, new.version,
      'compensation/' || new.rule, new.target, new.item, new.location, jsonb_strip_nulls(jsonb_build_object(
        'compensation_id', new.compensation_id, 'rule', new.rule, 'finding', new.finding, 'action', new.action, 'units', new.units,
        'measure', new.measure, 'lot', nullif(new.lot, ''), 'exception_id', new.exception_id, 'by', new.changed_by, 'note', new.note)),
      new.changed_at);
  end if;
  return null;
end $$;
create trigger record after insert or update on ops.compensations for each row execute function ops.record_compensation();
create trigger audit after insert on ops.compensation_changes
  for each row execute function ops.audit_row('compensation_id', 'version');

grant select, insert, update on ops.compensations to syncline_transformer;
grant select on ops.compensations, ops.compensation_changes, ops.compensation_moves to syncline_transformer, syncline_publisher, syncline_bi;
