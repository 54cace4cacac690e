-- Every move of a correction, kept: the row itself only shows the last one, and an auditor asks who let it go, and when.
create table ops.outbox_history (
  move_id       bigint generated always as identity primary key,
  correction_id text not null references ops.outbox,
  from_state    text,                   -- null: how it began
  to_state      text not null,
  reason        text,
  tries         integer not null,
  lease_holder  text,
  moved_at      timestamptz not null,   -- in the product's clock
  recorded_at   timestamptz not null default clock_timestamp(),
  recorded_by   text not null default session_user
);
create index on ops.outbox_history (correction_id);

-- The owner's rights: who moves a correction cannot write, or leave out, its history.
create function ops.record_outbox_move() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  insert into ops.outbox_history (correction_id, from_state, to_state, reason, tries, lease_holder, moved_at)
  values (new.correction_id, case when tg_op = 'UPDATE' then old.state end, new.state, new.reason, new.tries,
          new.lease_holder, new.changed_at);
  return null;
end $$;
create trigger record_insert after insert on ops.outbox for each row execute function ops.record_outbox_move();
create trigger record_move after update on ops.outbox for each row
  when (old.state is distinct from new.state or old.reason is distinct from new.reason)
  execute function ops.record_outbox_move();
create trigger insert_only before update or delete on ops.outbox_history for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.outbox_history execute function raw.refuse_change();

grant select on ops.outbox_history to syncline_transformer, syncline_publisher, syncline_bi;
