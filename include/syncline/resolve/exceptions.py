"""Exceptions that follow from resolved data: opened once per rule and subject, closed when their cause is gone.

What may only be late becomes one at the end of its window: a row of ``ops.suspicions`` remembers since when it stands,
and a due row has the key looked at again then.
"""

from __future__ import annotations

from datetime import datetime

import psycopg

from syncline.exceptions import close_gone, open_from, wake_snoozed
from syncline.reconcile.variances import raise_overdue
from syncline.resolve.causes import CAUSES, SUSPECTED

# A delay reaches nobody before its owner is overdue: then its key is thought about again.
_WAKE = """
insert into ops.key_triggers (item, location, measure, reason, due_at)
select distinct v.item, v.location, v.measure, 'delay', v.due_at
from intermediate.int_touched_cells c
cross join lateral (
  select * from canonical.verdicts x
  where (x.item, x.location, x.measure) = (c.item, c.location, c.measure) and x.reported_from >= c.since
  offset 0
) v
where v.verdict = 'delay' and v.due_at > (select as_of from ops.current_batch)
  and not exists (
    select from ops.key_triggers t
    where t.batch_id is null
      and (t.item, t.location, t.measure, t.reason, t.due_at) = (v.item, v.location, v.measure, 'delay', v.due_at)
  )
"""

_IS_LOOKED_AT = """
  (e.rule like 'quarantined: %%'
    or (e.rule in (
      'conflict', 'discrepancy', 'discontinued_item_moved', 'missing_receipt', 'balance_gap') and exists (
    select from intermediate.int_touched_cells c
    where e.subject = concat_ws('/', c.item, c.location, c.measure)
       or starts_with(e.subject, concat_ws('/', c.item, c.location, c.measure) || '/'))))
"""


_END_SUSPICIONS = """
update ops.suspicions s set ended_at = %(as_of)s
where s.ended_at is null
  and (s.item, s.location, s.measure) in (select item, location, measure from intermediate.int_touched_cells)
  and not exists (select from suspected n where (n.rule, n.subject) = (s.rule, s.subject))
"""
_BEGIN_SUSPICIONS = """
with begun as (
  insert into ops.suspicions (rule, subject, item, location, measure, batch_id, noticed_at, due_at)
  select rule, subject, item, location, measure, %(batch_id)s, %(as_of)s::timestamptz,
         %(as_of)s::timestamptz + wait_s * interval '1 second'
  from suspected
  on conflict (rule, subject) where ended_at is null do nothing
  returning rule, item, location, measure, due_at
)
insert into ops.key_triggers (item, location, measure, reason, due_at)
select distinct item, location, measure, replace(rule, '_', ' '), due_at from begun where due_at > %(as_of)s
"""
# Raised once: what a person closed by hand stays closed, although its cause still stands.
_RAISE = """
with due as (
  select s.suspicion_id, n.rule, n.subject, n.next_step, n.about, n.units, n.evidence, s.raised_at is null as is_new,
         n.detail || '; since ' || to_char(s.noticed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as detail
  from suspected n join ops.suspicions s on (s.rule, s.subject) = (n.rule, n.subject) and s.ended_at is null
  where s.due_at <= %(as_of)s
), raised as (
  update ops.suspicions s set raised_at = %(as_of)s from due d where d.suspicion_id = s.suspicion_id and d.is_new
)
insert into causes (rule, subject, detail, next_step, about, units, evidence, is_new)
select rule, subject, detail, next_step, about, units, evidence, is_new from due
"""
_NEW = """select distinct on (rule, subject) rule, subject, detail, next_step, about, units, evidence from causes
where is_new order by rule, subject, detail, next_step"""
_HAS_NO_CAUSE = "not exists (select from causes c where c.rule = e.rule and c.subject = e.subject)"


def sync_exceptions(conn: psycopg.Connection, batch_id: int, as_of: datetime) -> tuple[int, int]:
    """Open what has none that stands, close what has no cause any more, wake what was snoozed until now.

    Returns (opened or reopened, resolved).
    """
    values = {"batch_id": batch_id, "as_of": as_of}
    with conn.transaction():
        conn.execute(_WAKE)
        conn.execute(CAUSES)
        conn.execute(SUSPECTED, values)
        for statement in (_END_SUSPICIONS, _BEGIN_SUSPICIONS, _RAISE):
            conn.execute(statement, values)
        opened = open_from(conn, _NEW, {}, at=as_of, batch_id=batch_id)
        resolved = close_gone(conn, f"{_IS_LOOKED_AT} and {_HAS_NO_CAUSE}", {}, at=as_of)
        wake_snoozed(conn, as_of)
        raise_overdue(conn, as_of)
    return opened, resolved
