-- What a fact may say beside its number (semantics §11 to §15). None of it is part of a line, an event or a body.
alter table raw.facts
  add column serves      text,     -- key of the release that this movement serves
  add column is_final    boolean,  -- nothing more comes for it; null is no
  add column due         text,     -- as written: when what it announces should be there
  add column owner       text,     -- whose goods they are
  add column snapshot_id text;     -- the document (raw.snapshots) whose line it is

-- A primary may count by serial, and goods of others by owner.
alter table ops.ownership_rules drop constraint ownership_rules_grain_check;
alter table ops.ownership_rules
  add constraint ownership_rules_grain_check check (grain in ('item', 'lot', 'serial', 'owner'));

-- A later revision of a document takes back what an earlier one said by its silence.
alter table raw.snapshots
  add column document_key text,
  add column revision     integer not null default 1;
update raw.snapshots set document_key = snapshot_id;
alter table raw.snapshots alter column document_key set not null;
create index on raw.snapshots (source, document_key);
create index on raw.facts (snapshot_id) where snapshot_id is not null;
grant select on raw.snapshots to syncline_transformer, syncline_bi;
