"""What a pilot in shadow mode would have sent (ADR 0025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.outbox.release import SHADOW

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg


@dataclass(frozen=True)
class ShadowReport:
    """One target at one location. Units are base units, values minor units of currency.

    ``corrections``: all that were ever recorded in shadow; ``keys``, ``units``, ``value``: those that wait now, one a
    key; ``above_tolerance``: of those, what a person would have been asked about; ``largest``: the largest of them.
    """

    target: str
    location: str
    corrections: int
    keys: int
    units: int
    value: int
    above_tolerance: int
    largest: str | None
    first_at: datetime
    last_at: datetime


def shadow_report(conn: psycopg.Connection, target: str | None = None) -> list[ShadowReport]:
    """Every target and location that was ever in shadow, in that order. ``conn``: role bi or publisher."""
    with conn.cursor(row_factory=class_row(ShadowReport)) as cursor:
        return cursor.execute(
            """
            with ever as (
              select distinct on (h.correction_id) h.correction_id, h.moved_at
              from ops.outbox_history h where h.reason = %(shadow)s order by h.correction_id, h.move_id
            ),
            rows as (
              select o.*, e.moved_at, o.state = 'held' and o.reason = %(shadow)s as waits,
                     abs(o.wanted - o.shown) as size, coalesce(i.unit_value, 0) as unit_value, t.units_max
              from ever e inner join ops.outbox o using (correction_id)
              left join ops.current_items i using (item)
              left join lateral (
                select x.units_max from ops.current_tolerances x
                where x.target = o.target and x.item_class in (i.item_class, '*')
                order by x.item_class = '*' limit 1) t on true
              where %(target)s::text is null or o.target = %(target)s
            )
            select target, location, count(*) as corrections, count(*) filter (where waits) as keys,
                   coalesce(sum(size) filter (where waits), 0)::bigint as units,
                   coalesce(sum(size * unit_value) filter (where waits), 0)::bigint as value,
                   count(*) filter (where waits and size > units_max) as above_tolerance,
                   (array_agg(item || ': ' || shown || ' → ' || wanted order by size desc, item)
                     filter (where waits))[1] as largest,
                   min(moved_at) as first_at, max(moved_at) as last_at
            from rows group by target, location order by target, location
            """,
            {"shadow": SHADOW, "target": target},
        ).fetchall()
