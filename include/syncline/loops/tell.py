"""Tell what ``marts.fct_loop_notices`` has to say and nobody was told yet.

The notice and its event are one transaction, known by loop_id, notice and number: a task that is cleared, killed or run
beside another tells nothing twice. What a loop says differently later is told under the next number, and what it says
no more is withdrawn, so that the last event of a subject is what holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.errors import RetryableError
from syncline.landing.warehouse_errors import warehouse_errors
from syncline.resolve.build import BUILD_LOCK

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

# In a total order: the positions of events of one transaction follow it.
_TELL = """
with loops_told as (
  select distinct on (loop_id, notice) *
  from ops.loop_notices
  order by loop_id, notice, number desc),
changes as (
  select w.loop_id, w.notice, coalesce(t.number, 0) + 1 as number, w.kind, w.subject, w.item, w.location, w.payload
  from marts.fct_loop_notices w left join loops_told t using (loop_id, notice)
  where t.loop_id is null or t.payload <> w.payload
  union all
  select t.loop_id, t.notice, t.number + 1, t.kind, t.subject, t.item, t.location, t.payload || '{"withdrawn": true}'
  from loops_told t
  where not t.payload ? 'withdrawn'
    and not exists (select from marts.fct_loop_notices w where (w.loop_id, w.notice) = (t.loop_id, t.notice)))
insert into ops.loop_notices (loop_id, notice, number, kind, subject, item, location, payload, batch_id, told_at)
select c.loop_id, c.notice, c.number, c.kind, c.subject, c.item, c.location, c.payload, %(batch)s, %(at)s
from changes c
order by c.subject collate "C", c.loop_id, c.notice
returning number, payload ? 'withdrawn'
"""


@dataclass(frozen=True)
class Told:
    """How many notices were new, said something else than before, and were taken back."""

    first: int = 0
    changed: int = 0
    withdrawn: int = 0


@warehouse_errors("tell what loops came to")
def tell(conn: psycopg.Connection, at: datetime) -> Told:
    """Tell what is new since the last call, at ``at`` of the product's clock (role transformer).

    Raises:
        RetryableError: a build is under way, or the last one did not end: half of what it decides is no news.
        WarehouseUnavailable: nothing was told.
    """
    with conn.transaction():
        if conn.execute("select pg_try_advisory_xact_lock(%s)", (BUILD_LOCK,)).fetchone() != (True,):
            raise RetryableError("A build is under way.", next_step="Nothing: this one is retried.")
        batch = conn.execute(
            "select b.batch_id, b.state from ops.current_batch c join ops.batches b using (batch_id)"
        ).fetchone()
        if batch is None or conn.execute("select to_regclass('marts.fct_loop_notices')").fetchone() == (None,):
            return Told()
        if batch[1] == "open":
            raise RetryableError(
                f"The build of batch {batch[0]} did not end: nothing is told from it.",
                next_step="Look at the task `build` of the DAG resolve; this one is retried.",
                batch_id=batch[0],
            )
        rows = conn.execute(_TELL, {"batch": batch[0], "at": at}).fetchall()
    withdrawn = sum(is_withdrawn for _, is_withdrawn in rows)
    first = sum(number == 1 for number, _ in rows)
    return Told(first, len(rows) - first - withdrawn, withdrawn)
