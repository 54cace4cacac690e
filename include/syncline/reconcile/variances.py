"""What a person must look at after a comparison, as exceptions: the only place where rows of a run become them.

What a warehouse or a 3PL says otherwise is promoted to facts and becomes the exception ``discrepancy`` where it is
decided. The books are never promoted: what is off there is raised here, one exception a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.exceptions import close_gone, open_from
from syncline.resolve.due import add_due_check

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

RULE = "books.variance"
WAIT = "reconciliation delay"

_SUBJECT = "concat_ws('/', w.item, w.location, w.measure, nullif(w.lot, ''))"
_OPEN = f"""
select '{RULE}' as rule, {_SUBJECT} as subject,
  left(string_agg(w.pair || ': ' || trim_scale(w.said) || ' beside ' || trim_scale(w.beside) || ', off by '
    || trim_scale(w.variance) || coalesce(', waited for ' || array_to_string(w.explained_by, ', '), ''), '; '
      order by w.pair)
    || '; tolerance ' || min(w.rule) || coalesce('; agreed by ' || array_to_string(min(w.majority), ', '), ''), 2000)
    as detail,
  case when bool_or(w.pair = 'wms~erp' or w.pair = '3pl~erp') and not bool_or(w.pair = 'erp~canonical')
    then 'The books agree with us, the warehouse does not: count the stock.'
    else 'Ask the owner of the books for what was posted by hand, or count the stock when the warehouse is alone.' end
    as next_step,
  jsonb_build_object('item', w.item, 'location', w.location, 'measure', w.measure, 'lot', nullif(w.lot, '')) as about,
  max(abs(w.variance))::bigint as units, '{{}}'::text[] as evidence
from ops.reconciliation_rows w
where w.run_id = %(run)s and w.measure = 'financial' and w.verdict <> 'incomparable'
  and (w.is_open or (w.verdict = 'delay' and w.due_at <= %(now)s))
group by w.item, w.location, w.measure, w.lot
"""
_IS_GONE = f"""
e.rule = '{RULE}'
  and exists (select from ops.reconciliation_rows w where w.location = %(location)s and {_SUBJECT} = e.subject)
  and not exists (
    select from ops.reconciliation_rows w where w.run_id = %(run)s and {_SUBJECT} = e.subject
      and (w.is_open or (w.verdict = 'delay' and w.due_at <= %(now)s)))
"""


def sync_variances(conn: psycopg.Connection, run_id: int, location: str, now: datetime) -> None:
    """Open what the run found off in the books, close what it found right, wake the lane when a delay is over."""
    values = {"run": run_id, "location": location, "now": now}
    open_from(conn, _OPEN, values, at=now)
    close_gone(conn, _IS_GONE, values, at=now)
    for (due_at,) in conn.execute(
        "select distinct due_at from ops.reconciliation_rows where run_id = %s and verdict = 'delay' and due_at > %s "
        "order by due_at",
        [run_id, now],
    ).fetchall():
        add_due_check(conn, WAIT, due_at)


def raise_overdue(conn: psycopg.Connection, now: datetime) -> None:
    """Raise what the newest run of each location found waiting, and whose time is over at ``now``."""
    for run_id, location in conn.execute(
        "select max(run_id), location from ops.reconciliations where compared is not null group by location order by 2"
    ).fetchall():
        open_from(conn, _OPEN, {"run": run_id, "location": location, "now": now}, at=now)
