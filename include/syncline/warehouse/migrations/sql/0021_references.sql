-- A target's own names of items and locations: what is configured, what is in use, and what a try was sent with.

create table ops.target_items (
  version_id bigint not null references ops.config_versions, target text not null, item text not null, ref text not null,
  primary key (version_id, target, item), unique (version_id, target, ref));
create table ops.target_locations (
  version_id bigint not null references ops.config_versions, target text not null, location text not null, ref text not null,
  primary key (version_id, target, location), unique (version_id, target, ref));
do $$
declare t text;
begin
  foreach t in array array['target_items', 'target_locations'] loop
    execute format('create view ops.current_%s as select * from ops.%I where version_id = '
                   '(select max(version_id) from ops.config_versions where kind = %L)', t, t, t);
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
    execute format('grant select on ops.%I, ops.current_%s to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader', t, t);
  end loop;
end $$;

-- In use: a configured name is taken over between two push runs, when nothing is under way that was sent by the old one.
create table ops.target_names (
  target    text not null,
  kind      text not null check (kind in ('item', 'location')),
  name      text not null,              -- ours
  ref       text not null,              -- the target's
  primary key (target, kind, name),
  unique (target, kind, ref)
);
-- Readings up to this one were taken of what the key's name meant before: nothing is sent from them.
create table ops.void_readings (
  target     text not null,
  item       text not null,
  location   text not null,
  reading_no bigint not null,
  primary key (target, item, location)
);
-- A correction's names are fixed by its first try: a repeated try is the same body, whatever is configured since.
create table ops.push_lines (
  correction_id text primary key references ops.outbox,
  item_ref      text not null,
  location_ref  text not null
);
insert into ops.push_lines select correction_id, item, location from ops.outbox where tries > 0;
create trigger insert_only before update or delete on ops.push_lines for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.push_lines execute function raw.refuse_change();

alter table ops.push_documents add column request jsonb;      -- its lines as they were meant, in the target's names
alter table ops.push_attempts add column latency_ms integer;  -- real ms from the first byte to the end of the answer

grant select, insert, update, delete on ops.target_names to syncline_publisher;
grant select, insert, update on ops.void_readings to syncline_publisher;
grant select, insert on ops.push_lines to syncline_publisher;
grant select on ops.target_names, ops.void_readings, ops.push_lines to syncline_transformer, syncline_bi;
