-- What a proven document says by its silence, or by the sum of its lines, is a statement of a warehouse, too. Its fact has
-- no row of raw.facts: its id begins with the document (semantics §15).
create or replace function ops.confirm_books() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  select f.document_id into new.correlation_id from raw.facts f
  where f.fact_id = new.fact_id and f.kind is not null
    and not exists (select from ops.current_sources s where s.source = f.source and s.system in ('shop', 'erp'))
  order by f.load_id, f.document_id, f.position limit 1;
  if not found then
    select s.document_ids[1] into new.correlation_id from raw.snapshots s
    where s.snapshot_id = split_part(new.fact_id, '/', 1) and s.snapshot_id <> new.fact_id
      and s.is_proven and s.system <> 'erp';
  end if;
  if new.correlation_id is null then
    raise exception 'ops.outbox: correction % names % as its fact, which no warehouse told', new.correction_id, new.fact_id
      using errcode = 'restrict_violation', hint = 'Books follow the floor: a financial number needs a confirming fact.';
  end if;
  return new;
end $$;
