-- Who is told what (ADR 0025), what a target can do, and that books follow the floor.

create table ops.subscriptions (
  version_id bigint not null references ops.config_versions, subscriber text not null, event text not null,
  location text not null, item_class text not null, mode text not null check (mode in ('live', 'shadow', 'off')),
  outside text not null check (outside in ('hold', 'correct')),
  primary key (version_id, subscriber, event, location, item_class));
create view ops.current_subscriptions as select * from ops.subscriptions
  where version_id = (select max(version_id) from ops.config_versions where kind = 'subscriptions');
create trigger insert_only before update or delete on ops.subscriptions for each row execute function raw.refuse_change();

-- What an adapter declares, written down by each push: how a number is corrected, and when a set is safe.
create table ops.target_traits (
  target         text primary key,
  writes         text not null check (writes in ('delta', 'set')),
  compare        text not null check (compare in ('none', 'version', 'value')),
  lists_changes  boolean not null,
  is_sole_writer boolean not null,
  told_at        timestamptz not null   -- in the product's clock
);

-- The fact that a correction follows: the newest of the key's ledger, or the one that the correction before stood on.
alter table ops.outbox add column event text check (event in ('books', 'available'));
alter table ops.outbox add column fact_id text;
alter table ops.outbox add column correlation_id text;  -- the document (API page or file) whose fact it follows
update ops.outbox set event = case kind when 'delta' then 'books' else 'available' end,
  fact_id = case kind when 'delta' then 'before 0016' end;
alter table ops.outbox add constraint books_follow_the_floor
  check ((kind = 'set' and event is distinct from 'books') or fact_id is not null);

create index on ops.outbox (correlation_id) where correlation_id is not null;

-- Identity of facts crosses partitions, so a trigger looks the fact up where a foreign key cannot. A channel's or an
-- ERP's own word confirms nothing.
create function ops.confirm_books() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  select f.document_id into new.correlation_id from raw.facts f
  where f.fact_id = new.fact_id and f.kind is not null
    and not exists (select from ops.current_sources s where s.source = f.source and s.system in ('shop', 'erp'))
  order by f.load_id, f.document_id, f.position limit 1;
  if not found then
    raise exception 'ops.outbox: correction % names % as its fact, which no warehouse told', new.correction_id, new.fact_id
      using errcode = 'restrict_violation', hint = 'Books follow the floor: a financial number needs a confirming fact.';
  end if;
  return new;
end $$;
create trigger confirm_books before insert on ops.outbox for each row
  when (new.fact_id is not null) execute function ops.confirm_books();

-- What a correction follows is part of its body.
create function ops.guard_outbox_fact() returns trigger language plpgsql as $$
begin
  raise exception 'ops.outbox: correction % follows its fact: another one is a new correction', old.correction_id
    using errcode = 'restrict_violation';
end $$;
create trigger guard_fact before update on ops.outbox for each row
  when ((old.event, old.fact_id, old.correlation_id) is distinct from (new.event, new.fact_id, new.correlation_id))
  execute function ops.guard_outbox_fact();

grant select on ops.subscriptions, ops.current_subscriptions, ops.target_traits
  to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader;
grant insert, update on ops.target_traits to syncline_publisher;

-- A queued key that the candidates of a release did not hold: the next build reads it, whatever its instants say. Who
-- queues a key takes the instant before its commit, so instants cannot tell what a build has seen.
alter table ops.correction_queue add column seen_by bigint references ops.batches;
