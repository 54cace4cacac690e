-- How the verdict on a statement went, from the first release in which it did not fit: when a variance opened, what it
-- was compared with then, and when it closed (semantics §6: history is kept; ADR 0031).
create table ops.verdict_history (
  fact_id      text not null,           -- the statement
  batch_id     bigint not null references ops.batches,
  item         text not null,
  location     text not null,
  measure      text not null,
  lot          text not null,
  source       text not null,
  reported     bigint not null,
  reported_from timestamptz not null,
  reported_to  timestamptz not null,
  verdict      text not null check (verdict in ('match', 'delay', 'discrepancy', 'incomparable', 'gone')),
  variances    bigint[],
  compared_to  text,
  explained_by text[],
  due_at       timestamptz,
  recorded_at  timestamptz not null,    -- as-of of the batch
  primary key (fact_id, batch_id),
  check ((verdict = 'gone') = (variances is null))
);
create index on ops.verdict_history (item, location, measure, reported_from);
create trigger insert_only before update or delete on ops.verdict_history for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.verdict_history execute function raw.refuse_change();
grant select, insert on ops.verdict_history to syncline_publisher, syncline_transformer;
grant select on ops.verdict_history to syncline_bi;
