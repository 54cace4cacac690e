"""Documents that a batch reads otherwise than the batches before it."""

from __future__ import annotations

from datetime import datetime

import psycopg

# A receipt that the new reading repeats (same statement, same place) is the same evidence: nothing follows from it.
_SWITCH = """
insert into ops.redrives (fact_id, requested_at, requested_by, batch_id, is_switched)
select distinct old.fact_id, %(now)s::timestamptz, 'read again', %(batch_id)s::bigint, true
from ops.released_readings r
join raw.facts old on old.document_id = r.document_id and old.received_at = r.received_at and old.load_id < r.load_id
where r.batch_id = %(batch_id)s and not exists (
  select from raw.facts new
  where new.load_id = r.load_id and new.document_id = r.document_id and new.received_at = r.received_at
    and new.fact_id = old.fact_id and new.position = old.position)
"""
# A fact that goes leaves no row that could name its neighbours: tellings of its event and line under another item.
_TOUCH_NEIGHBOURS = """
insert into ops.key_triggers (item, location, measure, reason, due_at, batch_id)
with gone as (
  select s.* from ops.redrives r join staging.stg_facts s using (fact_id)
  where r.batch_id = %(batch_id)s and r.is_switched)
select c.item, c.location, c.measure, 'read again', %(now)s::timestamptz, %(batch_id)s::bigint
from (
  select s.item, s.location, s.measure from gone g join staging.stg_facts s using (event_key, location, measure)
  where s.item <> g.item
  union
  select s.item, s.location, s.measure from gone g join staging.stg_facts s using (line_key, source, location, measure)
  where s.item <> g.item) c
"""


def switch_readings(conn: psycopg.Connection, batch_id: int, now: datetime) -> int:
    """Ask for every fact that loses a receipt to a reading taken by ``batch_id``; returns how many.

    Call it in the transaction that gives the batch its loads: from then on the new readings are the ones in force.
    """
    switched = conn.execute(_SWITCH, {"batch_id": batch_id, "now": now}).rowcount
    if switched and conn.execute("select to_regclass('staging.stg_facts')").fetchone() != (None,):
        conn.execute(_TOUCH_NEIGHBOURS, {"batch_id": batch_id, "now": now})
    return switched
