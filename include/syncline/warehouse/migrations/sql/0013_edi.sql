-- The register of EDI: every interchange and set that came in, what it was taken for, what we send, and what is said of
-- it (ADR 0020).

create table ops.edi_moves (            -- allowed moves of a state; what is not here is refused where the rows are
  what       text not null check (what in ('interchange', 'outbound')),
  from_state text not null,
  to_state   text not null,
  primary key (what, from_state, to_state)
);
insert into ops.edi_moves values
  ('interchange', 'accepted', 'acknowledged'), ('interchange', 'partial', 'acknowledged'),
  ('interchange', 'rejected', 'acknowledged'), ('interchange', 'duplicate', 'acknowledged'),
  ('interchange', 'conflict', 'acknowledged'), ('interchange', 'test', 'acknowledged'),
  ('outbound', 'pending', 'numbered'), ('outbound', 'numbered', 'sent'),
  -- The answer may come before we wrote down that the file lies in the outbox.
  ('outbound', 'numbered', 'acknowledged'), ('outbound', 'sent', 'acknowledged');

create sequence ops.edi_interchange_ids;
create table ops.edi_interchanges (     -- one row for each receipt of an interchange, written with its document
  interchange_id bigint primary key,
  source        text not null,
  document_id   text not null,          -- of raw.documents, with received_at
  received_at   timestamptz not null,
  file          text not null,
  offset_bytes  bigint not null,        -- of its opener in the file
  syntax        text not null check (syntax in ('x12', 'edifact')),
  sender_qualifier   text not null,
  sender        text not null,
  receiver_qualifier text not null,
  receiver      text not null,
  control       text not null,          -- as written
  prepared      text not null,          -- date and time as written
  is_test       boolean,                -- null: it says neither test nor production
  key           text not null,          -- hash of both parties and the control number; '' without one
  generation    integer not null check (generation > 0),  -- a number used again after the partner's window is a new one
  is_holder     boolean not null,       -- its number is taken: another interchange under it is a duplicate or a conflict
  sha256        text,                   -- from its opener to its trailer; null without a trailer
  verdict       text not null check (verdict in ('accepted', 'partial', 'rejected', 'duplicate', 'conflict', 'test')),
  state         text not null,
  groups        integer not null,
  sets          integer not null,
  sets_accepted integer not null,
  facts         integer not null,       -- that its accepted sets say
  fault_code    text,
  fault_detail  text,
  duplicate_of  bigint references ops.edi_interchanges,
  changed_at    timestamptz not null,
  check (state in (verdict, 'acknowledged')),
  check (not is_holder or (key <> '' and sha256 is not null and verdict in ('accepted', 'partial')))
);
-- Per source: a source's lane serialises its readers, and no partner can take the numbers of another one.
create unique index one_holder_of_an_interchange on ops.edi_interchanges (source, key, generation) where is_holder;
create index on ops.edi_interchanges (source, interchange_id desc);
create index on ops.edi_interchanges (document_id);

create sequence ops.edi_set_ids;
create table ops.edi_sets (             -- one row for each receipt of a transaction set or message
  set_id        bigint primary key,
  interchange_id bigint not null references ops.edi_interchanges,
  source        text not null,
  received_at   timestamptz not null,
  offset_bytes  bigint not null,        -- of its ST or UNH in the file
  group_code    text not null,
  group_control text not null,
  type          text not null,
  control       text not null,
  version       text not null,
  reference     text not null,          -- the document's own number (BIA03, W0602, BGM02 …)
  key           text not null,          -- hash of the interchange's key, group and control number; '' without one
  generation    integer not null check (generation > 0),
  is_holder     boolean not null,
  sha256        text,                   -- from ST to SE; null without an SE
  body_sha256   text,                   -- the same without ST: equal for what is sent again under new numbers
  segments      integer not null,
  facts         integer not null,       -- it says; only those of an accepted set are landed
  verdict       text not null check (verdict in ('accepted', 'tolerated', 'rejected')),  -- of envelope and syntax
  state         text not null check (state in ('accepted', 'rejected', 'duplicate', 'conflict', 'test')),
  finding_code  text,
  finding_position text,
  finding_message  text,
  duplicate_of  bigint references ops.edi_sets,
  resent_of     bigint references ops.edi_sets,  -- the first set with the same body under another number
  check (not is_holder or (key <> '' and sha256 is not null and state = 'accepted'))
);
create unique index one_holder_of_a_set on ops.edi_sets (source, key, generation) where is_holder;
create index on ops.edi_sets (interchange_id);
create index on ops.edi_sets (source, body_sha256) where state = 'accepted';
create trigger insert_only before update or delete on ops.edi_sets for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.edi_sets execute function raw.refuse_change();

create function ops.guard_edi_interchange() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'ops.edi_interchanges: what came in is never removed' using errcode = 'restrict_violation';
  end if;
  if tg_op = 'INSERT' then
    if new.state <> new.verdict then
      raise exception 'ops.edi_interchanges: interchange % begins as its verdict %, not as %', new.interchange_id, new.verdict, new.state
        using errcode = 'restrict_violation';
    end if;
    return new;
  end if;
  if (to_jsonb(new) - 'state' - 'changed_at') is distinct from (to_jsonb(old) - 'state' - 'changed_at') then
    raise exception 'ops.edi_interchanges: of interchange % only the state may change', old.interchange_id
      using errcode = 'restrict_violation';
  end if;
  if new.state <> old.state and not exists (
      select from ops.edi_moves m where m.what = 'interchange' and m.from_state = old.state and m.to_state = new.state) then
    raise exception 'ops.edi_interchanges: interchange % cannot go from % to %', old.interchange_id, old.state, new.state
      using errcode = 'restrict_violation', hint = 'The allowed moves are in ops.edi_moves.';
  end if;
  return new;
end $$;
create trigger guard before insert or update or delete on ops.edi_interchanges for each row execute function ops.guard_edi_interchange();
create trigger no_truncate before truncate on ops.edi_interchanges execute function raw.refuse_change();

-- What we send: acknowledgments, and documents that a partner acknowledges to us.
create table ops.edi_controls (         -- the last number used; locked while one is given
  source     text not null,
  syntax     text not null check (syntax in ('x12', 'edifact')),
  counter    text not null check (counter in ('interchange', 'group')),
  last_no    bigint not null check (last_no between 0 and 999999999),
  primary key (source, syntax, counter)
);
create function ops.guard_edi_control() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or (tg_op = 'INSERT' and new.last_no <> 0)
     or (tg_op = 'UPDATE' and ((new.source, new.syntax, new.counter) <> (old.source, old.syntax, old.counter)
                               or new.last_no <> old.last_no % 999999999 + 1)) then
    raise exception 'ops.edi_controls: control numbers have no gaps and are never used twice'
      using errcode = 'restrict_violation', hint = 'A number follows the last one; after 999999999 comes 1.';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger guard before insert or update or delete on ops.edi_controls for each row execute function ops.guard_edi_control();

create table ops.edi_outbound (         -- one row for each interchange to send
  outbound_id    bigint generated always as identity primary key,
  source         text not null,         -- whose outbox it goes to
  kind           text not null check (kind ~ '^[A-Z0-9]{3,6}$'),  -- 997, 999, TA1, CONTRL, or a document: 940, 943
  syntax         text not null check (syntax in ('x12', 'edifact')),
  interchange_id bigint references ops.edi_interchanges,  -- the received one that it answers
  expects_answer boolean not null,      -- a document; acknowledgments are never acknowledged
  is_test        boolean not null,
  status         text not null,         -- what an acknowledgment says (AK901, TA104, 0083); '' of a document
  said           jsonb not null,        -- the content without its envelope
  state          text not null check (state in ('pending', 'numbered', 'sent', 'acknowledged')),
  interchange_control text,             -- as written in the bytes
  group_code     text,
  group_control  text,
  name           text,                  -- of the file in the outbox
  content        bytea,                 -- what is sent, once or again after a crash
  created_at     timestamptz not null,
  numbered_at    timestamptz,
  sent_at        timestamptz,
  due_at         timestamptz,           -- when its answer is overdue
  is_accepted    boolean,               -- what the partner said of all of it
  answered_at    timestamptz,
  check (not expects_answer or kind not in ('997', '999', 'TA1', 'CONTRL')),
  check (state <> 'acknowledged' or (expects_answer and answered_at is not null and is_accepted is not null)),
  check ((state = 'pending') = (content is null)),
  check ((content is null) = (name is null) and (content is null) = (interchange_control is null)),
  check (state <> 'sent' or sent_at is not null)
);
create unique index one_name_in_an_outbox on ops.edi_outbound (source, name);
create index on ops.edi_outbound (source, outbound_id) where state in ('pending', 'numbered');
create index on ops.edi_outbound (source, due_at) where state = 'sent' and expects_answer;
create index on ops.edi_outbound (source, syntax, ltrim(interchange_control, '0'));
create index on ops.edi_outbound (source, group_code, ltrim(group_control, '0'));
create index on ops.edi_outbound (interchange_id);

create function ops.guard_edi_outbound() returns trigger language plpgsql as $$
declare
  moving text[] := array['state', 'sent_at', 'due_at', 'is_accepted', 'answered_at'];
  numbering text[] := array['interchange_control', 'group_code', 'group_control', 'name', 'content', 'numbered_at'];
begin
  if tg_op = 'DELETE' then
    raise exception 'ops.edi_outbound: what was to be sent is never removed' using errcode = 'restrict_violation';
  end if;
  if tg_op = 'INSERT' then
    if new.state <> 'pending' then
      raise exception 'ops.edi_outbound: a row begins as pending, not as %', new.state using errcode = 'restrict_violation';
    end if;
    return new;
  end if;
  if old.state = 'pending' then
    moving := moving || numbering;
  end if;
  if (to_jsonb(new) - moving) is distinct from (to_jsonb(old) - moving) then
    raise exception 'ops.edi_outbound: % is its content and its numbers: another one is another row', old.outbound_id
      using errcode = 'restrict_violation';
  end if;
  if new.state <> old.state and not exists (
      select from ops.edi_moves m where m.what = 'outbound' and m.from_state = old.state and m.to_state = new.state) then
    raise exception 'ops.edi_outbound: % cannot go from % to %', old.outbound_id, old.state, new.state
      using errcode = 'restrict_violation', hint = 'The allowed moves are in ops.edi_moves.';
  end if;
  return new;
end $$;
create trigger guard before insert or update or delete on ops.edi_outbound for each row execute function ops.guard_edi_outbound();
create trigger no_truncate before truncate on ops.edi_outbound execute function raw.refuse_change();

create table ops.edi_acknowledgments (  -- what partners said of what we sent, one row for each group or interchange
  acknowledgment_id bigint generated always as identity primary key,
  source         text not null,
  document_id    text not null,         -- of raw.documents, with received_at
  received_at    timestamptz not null,
  outbound_id    bigint references ops.edi_outbound,  -- null: nothing of ours has these numbers
  kind           text not null,
  group_code     text not null,
  group_control  text not null,
  interchange_control text not null,
  status         text not null,         -- as written
  is_accepted    boolean not null,
  notes          jsonb not null         -- what is wrong and where, and of which sets
);
create index on ops.edi_acknowledgments (outbound_id);
create index on ops.edi_acknowledgments (source, received_at desc);
create trigger insert_only before update or delete on ops.edi_acknowledgments for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.edi_acknowledgments execute function raw.refuse_change();

grant usage on sequence ops.edi_interchange_ids, ops.edi_set_ids to syncline_loader;
grant select, insert, update on ops.edi_interchanges to syncline_loader;
grant select, insert on ops.edi_sets to syncline_loader;
grant select on ops.edi_moves to syncline_loader;
grant select, insert, update on ops.edi_controls, ops.edi_outbound to syncline_loader;
grant select, insert on ops.edi_acknowledgments to syncline_loader;
grant select on ops.edi_moves, ops.edi_interchanges, ops.edi_sets, ops.edi_controls, ops.edi_outbound, ops.edi_acknowledgments
  to syncline_transformer, syncline_publisher, syncline_bi;
