"""The list of what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg


@dataclass(frozen=True)
class Decided:
    """A stored decision. ``batch_id``: the first batch that knew it. ``is_landed`` of a write-off: it is in raw."""

    decision_id: str
    kind: str
    decided_by: str
    decided_at: datetime
    why: str
    fact_id: str | None
    answers: list[str]
    item: str | None
    location: str | None
    measure: str | None
    lot: str | None
    quantity: int | None
    recorded: datetime | None
    event_key: str | None
    withdraws: str | None
    batch_id: int | None
    is_landed: bool | None


def decisions(conn: psycopg.Connection, limit: int) -> list[Decided]:
    """The newest ``limit`` decisions, the newest first."""
    with conn.cursor(row_factory=class_row(Decided)) as cursor:
        return cursor.execute(
            """
            select d.decision_id, d.kind, d.decided_by, d.decided_at, d.why, d.fact_id, d.answers, d.item, d.location,
                   d.measure, d.lot, d.quantity, d.recorded, d.event_key,
                   d.withdraws, b.batch_id,
                   case when d.kind = 'write_off' then exists (
                     select from raw.documents r where r.source = 'operator' and r.name = 'decisions/' || d.decision_id)
                   end as is_landed
            from ops.decisions d left join ops.batch_decisions b using (decision_id)
            order by d.decided_at desc, d.decision_id collate "C" desc limit %s
            """,
            (limit,),
        ).fetchall()
