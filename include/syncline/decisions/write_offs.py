"""A write-off lands as a fact of the source ``operator``: through raw, as all that changes stock (ADR 0014)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from syncline.landing import Document, Fact, Load, land

if TYPE_CHECKING:
    import psycopg

OPERATOR = "operator"  # as the dbt macro of the same name
FEED = "decision"
READING = "decision/1"
_WAITING = """
select d.decision_id, d.decided_by, d.decided_at, d.why, d.item, d.location, d.measure, d.lot, d.uom, d.quantity,
       d.recorded, d.event_key
from ops.decisions d
where d.kind = 'write_off'
  and not exists (select from raw.documents r where r.source = %s and r.name = 'decisions/' || d.decision_id)
order by d.decided_at, d.decision_id
"""


def land_write_offs(conn: psycopg.Connection) -> int:
    """Land every write-off that has no document yet; returns how many (role loader).

    The decision is stored before this runs, so a crash between the two loses nothing: the next call lands it.

    Raises:
        WarehouseUnavailable: what was not landed waits for the next call.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        waiting = cursor.execute(_WAITING, (OPERATOR,)).fetchall()
    for row in waiting:
        land(conn, Load(OPERATOR, FEED, row["decided_at"], [_document(row)]))
    return len(waiting)


def _document(row: dict[str, Any]) -> Document:
    said = {name: as_written(value) if isinstance(value, datetime) else value for name, value in row.items()}
    content = json.dumps(said, sort_keys=True, ensure_ascii=False, indent=1).encode()
    fact = Fact(
        "movement", row["item"], row["location"], row["measure"], row["uom"], str(row["quantity"]), said["recorded"],
        row["decision_id"], row["event_key"], "decision", READING, lot=row["lot"],
    )  # fmt: skip
    return Document(f"decisions/{row['decision_id']}", content, (fact,), is_kept=True)


def as_written(value: datetime) -> str:
    """An instant as the document and the fact write it: to the microsecond, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
