-- What an accepted set tells the whole stock of: locations as its source writes them. Only of a document that its
-- partner's profile declares a full snapshot, and that proved it by its control totals; null is no proof.
-- Nothing reads an absence as zero yet: reconciliation is to build on it.
alter table ops.edi_sets
  add column snapshot_of text[],
  add check (snapshot_of is null or (cardinality(snapshot_of) > 0 and state = 'accepted'));
