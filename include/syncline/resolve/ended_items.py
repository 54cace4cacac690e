"""Items that are sold no more: their stock is thought about again at the instant they end, facts or none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from syncline.resolve.due import add_due_check

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from syncline.config.versions import Change

ENDED = "item discontinued"


def wake_at_ends(conn: psycopg.Connection, changes: Iterable[Change], now: datetime) -> None:
    """Have the lane wake at every end to come that ``changes`` of the items name."""
    ends = {change.new["discontinued_from"] for change in changes if change.table == "items" and change.new}
    for end in sorted(ends - {"infinity", "-infinity"}):
        at = datetime.fromisoformat(end)
        if at > now:
            add_due_check(conn, ENDED, at)


def touch_ended_items(conn: psycopg.Connection, batch_id: int, now: datetime) -> int:
    """Touch the stock of items that ended since the batch before; returns the number of cells.

    Asked of every batch, so that stock which came to a new place after the end was declared is not missed.
    """
    if conn.execute("select to_regclass('canonical.balances')").fetchone() == (None,):
        return 0
    return conn.execute(
        """
        insert into ops.key_triggers (item, location, measure, reason, due_at, batch_id)
        select distinct b.item, b.location, b.measure, %(reason)s, i.discontinued_from, %(batch_id)s::bigint
        from ops.current_items i join canonical.balances b using (item)
        where b.measure = 'on_hand' and i.discontinued_from <= %(now)s
          and i.discontinued_from > (
            select as_of from ops.batches where batch_id < %(batch_id)s order by batch_id desc limit 1)
        """,
        {"reason": ENDED, "now": now, "batch_id": batch_id},
    ).rowcount
