-- What each release published, and with which configuration: what Syncline said at any time can be looked up, and
-- computed again from what was known then (ADR 0015).
alter table ops.batches add column config_version bigint;  -- newest ops.config_versions row when the batch was built last

create table ops.published_balances (   -- one row for every balance that the release of the batch changed
  batch_id     bigint not null references ops.batches,
  item         text not null,
  location     text not null,
  measure      text not null,
  lot          text not null,
  quantity     bigint,
  quantity_lo  bigint,
  quantity_hi  bigint,
  is_ambiguous boolean,
  base_fact    text,
  is_gone      boolean not null,        -- no fact makes this key any more: the numbers are null
  primary key (item, location, measure, lot, batch_id),
  check (is_gone = (quantity is null))
);
create index on ops.published_balances (batch_id);
create trigger insert_only before update or delete on ops.published_balances for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.published_balances execute function raw.refuse_change();
grant select, insert on ops.published_balances to syncline_publisher;
grant select on ops.published_balances to syncline_transformer, syncline_bi;

-- A warehouse that worked before this: its last release published what stands there now. Rows of a batch in flight are
-- written when it is released; what earlier batches published is not known.
do $$
declare last_released bigint := (select max(batch_id) from ops.batches where state = 'released');
begin
  if last_released is not null and to_regclass('canonical.balances') is not null then
    insert into ops.published_balances
    select last_released, item, location, measure, lot, quantity, quantity_lo, quantity_hi, is_ambiguous, base_fact, false
    from canonical.balances where batch_id <= last_released;
  end if;
end $$;
