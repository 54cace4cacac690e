-- Circuit breakers at release, and how long a source may be silent.

alter table ops.items add column unit_value bigint not null default 0 check (unit_value >= 0);  -- minor units of currency; 0: not declared
create or replace view ops.current_items as
  select * from ops.items where version_id = (select max(version_id) from ops.config_versions where kind = 'items');

create table ops.breaker_trips (
  trip_id     bigint generated always as identity primary key,
  rule        text not null check (rule in ('keys', 'units', 'value', 'mass_zero', 'snapshot_zero', 'silent_source')),
  target      text,                     -- scope: null is every target
  locations   text[],                   -- scope: null is every location
  source      text,                     -- who told the snapshot, or is silent
  batch_id    bigint references ops.batches,  -- null: silence needs no batch
  measured    bigint not null,
  bound       bigint not null,          -- what measured is above, in the same unit
  detail      text not null,
  state       text not null check (state in ('open', 'released', 'denied', 'recovered')),
  opened_at   timestamptz not null,     -- in the product's clock
  decided_at  timestamptz,
  decided_by  text,
  note        text,
  silent_since timestamptz,             -- silent_source: one trip for each silence
  asked_by    text,                     -- the Airflow run whose question stands
  asked_until timestamptz,
  check ((state = 'open') = (decided_at is null)),
  check ((state = 'open') = (decided_by is null)),
  check ((rule = 'silent_source') = (silent_since is not null)),
  check (rule = 'silent_source' or batch_id is not null)
);
create unique index one_open_trip on ops.breaker_trips
  (rule, coalesce(target, ''), coalesce(locations, '{}'::text[]), coalesce(source, '')) where state = 'open';

-- What was measured stays what it was, and a decision is taken once.
create function ops.guard_trip() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.state <> 'open' then
    raise exception 'ops.breaker_trips: trip % is % and stays so', old.trip_id, old.state using errcode = 'restrict_violation';
  end if;
  if (new.trip_id, new.rule, new.measured, new.bound, new.detail, new.opened_at)
     is distinct from (old.trip_id, old.rule, old.measured, old.bound, old.detail, old.opened_at)
     or (new.target, new.locations, new.source, new.batch_id, new.silent_since)
     is distinct from (old.target, old.locations, old.source, old.batch_id, old.silent_since) then
    raise exception 'ops.breaker_trips: trip % is what was measured: it can be decided, not changed', old.trip_id
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard before update or delete on ops.breaker_trips for each row execute function ops.guard_trip();
create trigger no_truncate before truncate on ops.breaker_trips execute function raw.refuse_change();

create table ops.source_bounds (        -- the registry's bounds, and what the last look at them found
  source        text primary key,
  speaks_by     text not null check (speaks_by in ('poll', 'file')),
  staleness_s   integer not null check (staleness_s > 0),
  watched_since timestamptz not null,   -- counts as the first sign of life of a source that was never heard
  last_seen_at  timestamptz,            -- last complete poll, or last file that said something
  checked_at    timestamptz not null    -- run time of the last look
);

grant select, insert, update on ops.breaker_trips to syncline_publisher, syncline_transformer;
grant select, insert, update, delete on ops.source_bounds to syncline_transformer;
grant select on ops.breaker_trips to syncline_bi;
grant select on ops.source_bounds to syncline_publisher, syncline_bi;
