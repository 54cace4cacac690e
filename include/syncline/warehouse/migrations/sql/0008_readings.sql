-- A document that was read again. raw stays insert-only: the new facts are those of load_id, and count instead of all
-- earlier readings of the document from the batch on that takes this load (ops.batch_loads): one switch for all of them.
create table ops.readings (
  document_id    text not null,
  received_at    timestamptz not null,  -- of the document, which keeps it; both name one receipt in raw.documents
  load_id        bigint not null references raw.loads deferrable initially deferred,  -- its row closes the load, last
  reading        text not null,         -- parser + profile + mapping version
  status         text not null check (status in ('accepted', 'partial', 'quarantined', 'duplicate')),
  fault_code     text,
  fault_detail   text,
  fault_position text,
  requested_at   timestamptz not null,
  requested_by   text not null,
  primary key (document_id, received_at, load_id)
);
create index on ops.readings (load_id);
create trigger insert_only before update or delete on ops.readings for each row execute function raw.refuse_change();
create trigger no_truncate before truncate on ops.readings execute function raw.refuse_change();

-- The readings that batches have taken. A receipt of a fact counts unless its document has one of a later load.
create view ops.released_readings as
select r.document_id, r.received_at, r.load_id, r.reading, b.batch_id
from ops.readings r join ops.batch_loads b using (load_id);

-- A receipt of the fact went with a reading: what is staged of it is forgotten and made again from what is left.
alter table ops.redrives add column is_switched boolean not null default false;

grant select, insert on ops.readings to syncline_loader;
grant select on ops.readings, ops.released_readings to syncline_transformer, syncline_publisher, syncline_bi;
