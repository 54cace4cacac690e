-- How many facts a cell keeps thinking about before older ones are summed up (ADR 0011): data, like the run time.
alter table ops.current_batch add column checkpoint_facts integer not null default 8 check (checkpoint_facts > 0);
