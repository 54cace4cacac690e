-- Returns that were authorised, and why a fact was told (ADR 0032).

-- What an order system says may come back. No stock: a refund moves nothing, only the receipt does.
create table raw.return_lines (
  return_line_id text primary key,           -- hash of the source and all that it said: the same again is known
  source         text not null,
  return_key     text not null,              -- what the receipt names in `serves`
  item_ref       text not null,              -- as the source wrote it; mapped where it is read
  location_ref   text not null,
  quantity       bigint not null check (quantity >= 0),  -- base units
  authorised_at  timestamptz not null,
  due_at         timestamptz,
  refunded_at    timestamptz,
  revision       integer not null default 1 check (revision > 0),
  is_cancelled   boolean not null default false,
  received_at    timestamptz not null
);
create index on raw.return_lines (return_key);
create trigger insert_only before update or delete on raw.return_lines for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on raw.return_lines execute function raw.refuse_change();
grant select, insert on raw.return_lines to syncline_loader;
grant select on raw.return_lines to syncline_transformer, syncline_publisher, syncline_bi;

-- Why a fact was told, where its document says so (`count`). No part of a line, an event or a body.
alter table raw.facts add column reason text;
