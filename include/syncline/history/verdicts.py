"""How verdicts went: a statement that did not fit keeps a row for each release in which its verdict moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

SAYS = "verdict, variances, compared_to, explained_by, due_at"
# The cells of the batch from `since` on, found by index on both sides: a statement that ever did not fit against its
# newest row. What began before `since` was not thought about again.
_RECORD = f"""
with here as (
  select v.* from intermediate.int_touched_cells c
  cross join lateral (
    select x.* from canonical.verdicts x
    where (x.item, x.location, x.measure) = (c.item, c.location, c.measure) and x.reported_from >= c.since offset 0) v
),
before as (
  select p.* from intermediate.int_touched_cells c
  cross join lateral (
    select distinct on (x.fact_id) x.* from ops.verdict_history x
    where (x.item, x.location, x.measure) = (c.item, c.location, c.measure) and x.reported_from >= c.since
    order by x.fact_id, x.batch_id desc) p
)
insert into ops.verdict_history (
  fact_id, batch_id, item, location, measure, lot, source, reported, reported_from, reported_to, {SAYS}, recorded_at)
select fact_id, b.batch_id, coalesce(h.item, p.item), coalesce(h.location, p.location), coalesce(h.measure, p.measure),
  coalesce(h.lot, p.lot), coalesce(h.source, p.source), coalesce(h.reported, p.reported),
  coalesce(h.reported_from, p.reported_from), coalesce(h.reported_to, p.reported_to),
  coalesce(h.verdict, 'gone'), h.variances, h.compared_to, h.explained_by, h.due_at, b.as_of
from here h full join before p using (fact_id)
cross join (select batch_id, as_of from ops.batches where batch_id = %(batch)s) b
where (h.verdict in ('discrepancy', 'delay') or p.batch_id is not null)
  and (coalesce(h.verdict, 'gone'), h.variances, h.compared_to, h.explained_by, h.due_at)
    is distinct from (p.verdict, p.variances, p.compared_to, p.explained_by, p.due_at)
"""


def record_verdicts(conn: psycopg.Connection, batch_id: int) -> int:
    """Append what the release of ``batch_id`` changes; call it in its transaction. Returns the number of rows.

    A statement has no row before it is a `discrepancy` or a `delay`; from then on one for each change, also when it
    fits after all, and one `gone` when it is no statement any more (superseded, taken back, mapped to another key).
    """
    if conn.execute(
        "select to_regclass('canonical.verdicts') is null or to_regclass('intermediate.int_touched_cells') is null"
    ).fetchone() == (True,):
        return 0
    return conn.execute(_RECORD.encode(), {"batch": batch_id}).rowcount
