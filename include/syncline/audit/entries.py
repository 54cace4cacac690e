"""What dbt decided, as entries of the audit log; everything else is written there by triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

# What the batch thought about is in its working table; only what it changed carries its number.
DISPOSITIONS = """
insert into ops.audit_entries (stream, key, body)
select 'dispositions', d.fact_id, jsonb_build_object('fact_id', d.fact_id, 'item', d.item, 'location', d.location,
         'measure', d.measure, 'lot', d.lot, 'disposition', d.disposition, 'reason', d.reason,
         'decided_by', d.decided_by, 'decision_id', d.decision_id, 'document_id', d.document_id,
         'position', d.position, 'batch_id', d.batch_id)
from (
  select t.fact_id from intermediate.int_tellings t
  union
  select f.fact_id from staging.stg_facts f where f.batch_id = %(batch)s
) n
cross join lateral (select * from intermediate.int_dispositions x where x.fact_id = n.fact_id offset 0) d
where d.batch_id = %(batch)s
order by d.fact_id collate "C"
"""


def note_dispositions(conn: psycopg.Connection, batch_id: int) -> int:
    """Write down every disposition that the batch changed, in the transaction of its release; how many.

    A full rebuild gives every row its batch: that log says all of them anew.
    """
    built = conn.execute("select to_regclass('intermediate.int_tellings') is not null").fetchone()
    return conn.execute(DISPOSITIONS, {"batch": batch_id}).rowcount if built == (True,) else 0
