-- Which correction goes first, and indexes so that a claim costs the same however many wait and however many are done.

-- A number that is too high sells what is not there, so it goes first; one that is too low only sells less. Numbers that
-- are set are what channels sell from; deltas are books. Least first:
--   0 set to nothing   1 set lower   2 set higher   3, 4, 5 the same as a delta
-- send_by is priority and age in one: five minutes (of the product's clock, in which created_at is) for each step.
-- A claim takes the least send_by first, so a correction is only ever overtaken by what was created less than
-- 25 minutes after it: none starves, whatever keeps coming.
alter table ops.outbox add column priority smallint check (priority between 0 and 5);
alter table ops.outbox add column send_by timestamptz;

create function ops.rank_outbox() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    raise exception 'ops.outbox: the rank of correction % follows from its body', old.correction_id
      using errcode = 'restrict_violation';
  end if;
  new.priority := case new.kind when 'set' then 0 else 3 end
                + case when new.wanted >= new.shown then 2 when new.wanted > 0 then 1 else 0 end;
  new.send_by := new.created_at + new.priority * interval '5 minutes';
  return new;
end $$;

update ops.outbox set
  priority = case kind when 'set' then 0 else 3 end + case when wanted >= shown then 2 when wanted > 0 then 1 else 0 end,
  send_by = created_at + (case kind when 'set' then 0 else 3 end
                        + case when wanted >= shown then 2 when wanted > 0 then 1 else 0 end) * interval '5 minutes';
alter table ops.outbox alter column priority set not null, alter column send_by set not null;
create trigger rank before insert on ops.outbox for each row execute function ops.rank_outbox();
create trigger keep_rank before update of priority, send_by on ops.outbox for each row
  when (old.priority is distinct from new.priority or old.send_by is distinct from new.send_by)
  execute function ops.rank_outbox();

-- What a claim reads, in its order; and documents that can only be repeated whole.
create index outbox_due on ops.outbox (target, send_by, item, location) where state = 'pending';
create index outbox_again on ops.outbox (target, document_id) where state = 'pending' and document_id is not null;
create index outbox_under_way on ops.outbox (target, item) where state = 'sent';
-- What a run waits for, and what closed since the last reading.
create index outbox_waiting on ops.outbox (target, not_before) where state = 'pending' and tries > 0;
create index outbox_closed on ops.outbox (target, closed_at) where closed_at is not null;
