-- Keys whose corrections a person keeps back until an instant. Appended: the newest row of (item, location, target) holds,
-- and it ends when a batch has drained its due row. Ends are events, not comparisons of clocks: a clock that is set
-- back cannot bring a hold to life again after the row that would end it was used up.
create table ops.key_holds (
  hold_id    bigint generated always as identity primary key,
  item       text not null,
  location   text not null,
  target     text not null,             -- '*': every target
  held_until timestamptz not null,      -- in the product's clock
  reason     text not null check (reason <> ''),
  held_by    text not null check (held_by <> ''),
  held_at    timestamptz not null,
  due_row    bigint not null references ops.key_triggers (trigger_id)
);
create index on ops.key_holds (item, location, target, hold_id desc);
create trigger insert_only before update or delete on ops.key_holds for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.key_holds execute function raw.refuse_change();

create view ops.current_key_holds as
select h.*
from (select distinct on (item, location, target) * from ops.key_holds order by item, location, target, hold_id desc) h
join ops.key_triggers t on t.trigger_id = h.due_row
where t.batch_id is null;

grant insert on ops.key_holds to syncline_publisher;
grant select on ops.key_holds, ops.current_key_holds to syncline_transformer, syncline_publisher, syncline_bi;
