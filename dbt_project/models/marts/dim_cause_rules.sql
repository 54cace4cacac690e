-- Why a variance is, in the order in which evidence is asked for: the first rule that finds some names the cause (ADR 0031).
-- Facts that came later go first: what explains all of it leaves nothing to ask. Evidence of as many units goes before
-- evidence of none.

select
  rank,
  rule,
  cause,
  cause_class,
  means
from (
  values
  (1, 'mapped_later', 'mapping', 'architecture', 'facts between the two statements were mapped only after these had been compared'),
  (2, 'written_off', 'adjustment', 'operations', 'a person wrote the difference off'),
  (3, 'told_overdue', 'late feed', 'partner', 'facts of a partner came after that, later than its declared lag and hold'),
  (4, 'told_later', 'late feed', 'architecture', 'facts came after that, and explain all of it'),
  (5, 'no_movement_feed', 'no feed', 'architecture', 'nobody tells movements of the key: its statements differ because stock moved'),
  (6, 'told_differently', 'key conflict', 'architecture', 'two bodies under one key between them differ by as much'),
  (7, 'unmapped_fact', 'mapping', 'architecture', 'a quarantined fact of the place between them says as much, and fits no other key'),
  (8, 'gap_in_the_book', 'sequence gap', 'architecture', 'the balances that the source states with its movements miss as much'),
  (9, 'told_twice', 'duplicate', 'architecture', 'two sources tell as much at one time under two keys, and both count'),
  (10, 'taken_back', 'misstated', 'partner', 'a statement of the partner is off by as much, and what follows it is not'),
  (11, 'read_in_part', 'malformed document', 'partner', 'a part of the document that tells it could not be read'),
  (12, 'said_again', 'stale document', 'partner', 'the partner repeats its number of before, as if nothing had moved'),
  (13, 'numbers_missing', 'sequence gap', 'architecture', 'numbers of the source are missing: more was counted, or a partner differs'),
  (14, 'damage_told', 'damage', 'operations', 'as much as is missing was told as damaged between them'),
  (15, 'short_pick_told', 'short pick', 'operations', 'less was shipped than released between them, and less was counted'),
  (16, 'counted', 'count', 'operations', 'people counted, and found another number'),
  (17, 'document_missing', 'missing document', 'partner', 'the partner that alone tells the key tells no movement that explains it'),
  (18, 'no_evidence', 'unknown', 'operations', 'nothing above: count the stock')
) as r (rank, rule, cause, cause_class, means)
