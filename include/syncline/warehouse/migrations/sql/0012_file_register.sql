-- Files that are read where they lie, and a register that is asked by index, however long it grows.

-- seen -> claimed -> landed -> archived | refused: the file is renamed (claim: rename).
-- seen -> claimed -> read | refused: it lies where it lay (claim: in_place); claimed_as stays null.
-- refused without claimed_as and document_id: an entry that was never touched.
alter table ops.files drop constraint files_state_check;
alter table ops.files add constraint files_state_check
  check (state in ('seen', 'claimed', 'landed', 'archived', 'read', 'refused'));

-- Is this very file known? Only files that were read: their names are short, other names need not fit into an index.
create index files_taken on ops.files (source, name, size_bytes, modified_at) where document_id is not null;
create index files_unfinished on ops.files (source, file_id) where state in ('claimed', 'landed');
create index files_untouched on ops.files (source) where state = 'refused' and claimed_as is null and document_id is null;
