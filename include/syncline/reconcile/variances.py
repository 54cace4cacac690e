"""What a person must look at after a comparison, as exceptions: the only place where rows of a run become them.

What a warehouse or a 3PL says otherwise is promoted to facts and becomes the exception ``discrepancy`` where it is
decided. The books are never promoted: what is off there is raised here, one exception a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.resolve.due import add_due_check

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

RULE = "books.variance"
WAIT = "reconciliation delay"

_SUBJECT = "concat_ws('/', w.item, w.location, w.measure, nullif(w.lot, ''))"
_OPEN = f"""
insert into ops.exceptions (rule, subject, state, detail, next_step, opened_at)
select '{RULE}', {_SUBJECT}, 'open',
  left(string_agg(w.pair || ': ' || trim_scale(w.said) || ' beside ' || trim_scale(w.beside) || ', off by '
    || trim_scale(w.variance) || coalesce(', waited for ' || array_to_string(w.explained_by, ', '), ''), '; '
      order by w.pair)
    || '; tolerance ' || min(w.rule) || coalesce('; agreed by ' || array_to_string(min(w.majority), ', '), ''), 2000),
  case when bool_or(w.pair = 'wms~erp' or w.pair = '3pl~erp') and not bool_or(w.pair = 'erp~canonical')
    then 'The books agree with us, the warehouse does not: count the stock.'
    else 'Ask the owner of the books for what was posted by hand, or count the stock when the warehouse is alone.' end,
  %(now)s
from ops.reconciliation_rows w
where w.run_id = %(run)s and w.measure = 'financial' and w.verdict <> 'incomparable'
  and (w.is_open or (w.verdict = 'delay' and w.due_at <= %(now)s))
group by w.item, w.location, w.measure, w.lot
on conflict (rule, subject) where state = 'open' do nothing
"""
_CLOSE = f"""
update ops.exceptions e set state = 'resolved', resolved_at = %(now)s
where e.rule = '{RULE}' and e.state = 'open'
  and exists (select from ops.reconciliation_rows w where w.location = %(location)s and {_SUBJECT} = e.subject)
  and not exists (
    select from ops.reconciliation_rows w where w.run_id = %(run)s and {_SUBJECT} = e.subject
      and (w.is_open or (w.verdict = 'delay' and w.due_at <= %(now)s)))
"""


def sync_variances(conn: psycopg.Connection, run_id: int, location: str, now: datetime) -> None:
    """Open what the run found off in the books, close what it found right, wake the lane when a delay is over."""
    values = {"run": run_id, "location": location, "now": now}
    conn.execute(_OPEN.encode(), values)
    conn.execute(_CLOSE.encode(), values)
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
        conn.execute(_OPEN.encode(), {"run": run_id, "location": location, "now": now})
