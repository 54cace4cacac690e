"""How many order lines each exception touches: those of its item and location that fall short if its variance is true.

``marts.fct_order_impact`` knows them after each build of the marts; an exception keeps what was found last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

# Where nobody releases orders, nothing is said; where none is touched any more, that is a finding.
_MEASURE = """
select count(ops.change_exception(e.exception_id, 'measured', 'syncline', %(at)s::timestamptz, null,
  jsonb_build_object('orders', e.touched)))
from (
  select e.exception_id, count(distinct i.order_line)::integer as touched
  from ops.exceptions e
  left join marts.fct_order_impact i on i.item = e.item and i.location = e.location
  where e.state <> 'resolved' and e.item is not null and e.location is not null
  group by e.exception_id, e.orders
  having count(distinct i.order_line) <> coalesce(e.orders, 0)
  order by e.exception_id
) e
"""


def measure_orders(conn: psycopg.Connection, at: datetime) -> int:
    """Write down at each standing exception how many order lines it touches; how many changed.

    Args:
        conn: role transformer, after a build of the marts.
    """
    row = conn.execute(_MEASURE, {"at": at}).fetchone()
    assert row is not None
    return int(row[0])
