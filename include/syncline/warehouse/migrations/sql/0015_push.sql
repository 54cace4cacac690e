-- What a try was part of, and what is known of numbers that are read by key (ADR 0021).

-- A document as it was sent. A target that remembers documents is only ever given the same one again.
create table ops.push_documents (
  document_id text primary key,         -- its key: hash of its corrections
  target      text not null,
  lines       text[] not null check (cardinality(lines) > 0),  -- correction ids in order of key
  made_at     timestamptz not null      -- in the product's clock
);
create trigger insert_only before update or delete on ops.push_documents for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.push_documents execute function raw.refuse_change();

alter table ops.push_attempts add column document_id text references ops.push_documents;
alter table ops.push_attempts add column job text;            -- what to ask for the result of an accepted document
alter table ops.outbox add column document_id text references ops.push_documents;  -- it can only be repeated in this one
create index on ops.outbox (document_id) where document_id is not null;

-- Keys of a target that is read by key: looked_at is the instant before which everything is in the newest reading.
create table ops.target_keys (
  target    text not null,
  item      text not null,
  location  text not null,
  looked_at timestamptz,                -- null: never looked at
  is_known  boolean not null default true,  -- false: the target does not have the key
  primary key (target, item, location)
);
create index on ops.target_keys (target, looked_at);

-- What a reading differs by from the one before and our proven effects since; of a list that is its outside changes.
alter table ops.target_readings add column unexplained bigint not null default 0;

-- A tried correction that waits for its next try, and whose key the target forgets meanwhile, is unknown again.
alter table ops.outbox_moves add column tried text not null default 'any' check (tried in ('any', 'never', 'once'));
update ops.outbox_moves set tried = 'never' where untried;
alter table ops.outbox_moves drop column untried;
insert into ops.outbox_moves values ('pending', 'unknown', 'once');  -- once or more

create or replace function ops.guard_outbox() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.state not in ('pending', 'held') or new.tries <> 0 then
      raise exception 'ops.outbox: correction % cannot begin as % with % tries', new.correction_id, new.state, new.tries
        using errcode = 'restrict_violation';
    end if;
    return new;
  end if;
  if (new.correction_id, new.target, new.item, new.location, new.to_version, new.reading_no, new.kind, new.wanted, new.shown, new.quantity)
     is distinct from
     (old.correction_id, old.target, old.item, old.location, old.to_version, old.reading_no, old.kind, old.wanted, old.shown, old.quantity)
     or new.expected_version is distinct from old.expected_version then
    raise exception 'ops.outbox: correction % is its body: a changed one is a new correction', old.correction_id
      using errcode = 'restrict_violation';
  end if;
  if new.tries not in (old.tries, old.tries + 1) or (new.tries > old.tries) <> (old.state = 'pending' and new.state = 'sent') then
    raise exception 'ops.outbox: correction %: a try begins with pending to sent, nowhere else', old.correction_id
      using errcode = 'restrict_violation';
  end if;
  if new.state <> old.state and not exists (
      select from ops.outbox_moves m
      where m.from_state = old.state and m.to_state = new.state and (m.tried = 'any' or (m.tried = 'never') = (old.tries = 0))) then
    raise exception 'ops.outbox: correction % cannot go from % to % after % tries', old.correction_id, old.state, new.state, old.tries
      using errcode = 'restrict_violation', hint = 'The allowed moves are in ops.outbox_moves (semantics §9).';
  end if;
  return new;
end $$;

grant select, insert on ops.push_documents to syncline_publisher;
grant select, insert, update on ops.target_keys to syncline_publisher;
grant select on ops.push_documents, ops.target_keys to syncline_transformer, syncline_bi;
