-- The state table of semantics §9, enforced where the rows are: a defect in our code cannot resend or un-apply.
create table ops.outbox_moves (
  from_state text not null,
  to_state   text not null,
  untried    boolean not null,          -- only while no try was made
  primary key (from_state, to_state)
);
insert into ops.outbox_moves values
  ('pending', 'held', true), ('held', 'pending', true), ('pending', 'dead', true), ('held', 'dead', false),
  ('pending', 'sent', false),
  ('sent', 'pending', false), ('sent', 'rejected', false), ('sent', 'unknown', false),
  ('unknown', 'pending', false), ('unknown', 'dead', false), ('unknown', 'held', false),
  ('rejected', 'dead', false),
  ('pending', 'applied', false), ('held', 'applied', false), ('sent', 'applied', false), ('unknown', 'applied', false),
  ('rejected', 'applied', false), ('dead', 'applied', false);

create function ops.guard_outbox() returns trigger language plpgsql as $$
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
      where m.from_state = old.state and m.to_state = new.state and (not m.untried or old.tries = 0)) then
    raise exception 'ops.outbox: correction % cannot go from % to % after % tries', old.correction_id, old.state, new.state, old.tries
      using errcode = 'restrict_violation', hint = 'The allowed moves are in ops.outbox_moves (semantics §9).';
  end if;
  return new;
end $$;
create trigger guard before insert or update on ops.outbox for each row execute function ops.guard_outbox();

grant select on ops.outbox_moves to syncline_transformer, syncline_publisher, syncline_bi;
