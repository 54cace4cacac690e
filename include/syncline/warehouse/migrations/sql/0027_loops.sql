-- What order lines say beside their release, and what closed loops told (ADR 0032).

-- The terms of a release, by the fact that told it. Nothing here decides a number; they rank and price what is short.
create table raw.order_terms (
  fact_id       text primary key,
  order_line    text not null,
  promised      timestamptz,
  unit_price    bigint check (unit_price >= 0),  -- minor units of the currency, for one base unit
  currency      text check (currency ~ '^[A-Z]{3}$'),
  channel       text,
  priority      integer not null default 100 check (priority between 0 and 1000),  -- the least goes first
  received_at   timestamptz not null
);
create trigger insert_only before update or delete on raw.order_terms for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.order_terms execute function raw.refuse_change();
grant select, insert on raw.order_terms to syncline_loader;
grant select on raw.order_terms to syncline_transformer, syncline_publisher, syncline_bi;

-- Each thing that a loop told, once; what it says differently later is told under the next number.
create table ops.loop_notices (
  loop_id   text not null,               -- hash of what the loop is about: never of a run or a clock
  notice    text not null,               -- the kind of its event
  number    integer not null check (number > 0),
  kind      text not null,               -- of the loop
  subject   text not null,
  item      text,
  location  text,
  payload   jsonb not null,
  batch_id  bigint not null,
  told_at   timestamptz not null,        -- in the product's clock
  primary key (loop_id, notice, number)
);
create trigger insert_only before update or delete on ops.loop_notices for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.loop_notices execute function raw.refuse_change();

create function ops.tell_loop() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  perform ops.add_event(new.notice, 'loop:' || new.loop_id, new.number, new.subject, null, new.item, new.location,
    new.payload || jsonb_build_object('loop_id', new.loop_id, 'number', new.number), new.told_at);
  return null;
end $$;
create trigger tell after insert on ops.loop_notices for each row execute function ops.tell_loop();

grant select on ops.loop_notices to syncline_transformer, syncline_publisher, syncline_bi;
grant insert on ops.loop_notices to syncline_transformer;
