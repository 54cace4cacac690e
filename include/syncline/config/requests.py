"""Ask the next batch for what ``affected.find_facts`` found: facts to map again, cells to decide again."""

from __future__ import annotations

from datetime import datetime

import psycopg

from syncline.resolve.batches import CONFIGURATION


def request_remapping(conn: psycopg.Connection, now: datetime, by: str) -> int:
    """Have the next batch stage the ``remap`` facts again; returns their number."""
    return conn.execute(
        "insert into ops.redrives (fact_id, requested_at, requested_by) "
        "select distinct fact_id, %s::timestamptz, %s from config_facts where remap",
        (now, by),
    ).rowcount


def touch_cells(conn: psycopg.Connection, now: datetime, reason: str = CONFIGURATION) -> int:
    """Have the next batch decide the cells of the facts again, from their beginning; returns their number.

    Also the cells of other items that share a line with such a fact, or an event with it or with a fact of its line:
    which telling is kept there can change. The cells that a fact moves to are found by dbt when it is staged again.
    """
    return conn.execute(
        """
        insert into ops.key_triggers (item, location, measure, reason, due_at)
        with concerned as (
          select s.item, s.location, s.measure, s.source, s.line_key, s.event_key from staging.stg_facts s
          where s.fact_id in (select fact_id from config_facts)
            and s.item is not null and s.location is not null and s.measure is not null
        ),
        lines as (
          select * from concerned
          union
          select s.item, s.location, s.measure, s.source, s.line_key, s.event_key
          from concerned c join staging.stg_facts s
            on (s.line_key, s.source, s.location, s.measure) = (c.line_key, c.source, c.location, c.measure)
          where s.item is not null
        )
        select l.item, l.location, l.measure, %(reason)s::text, %(now)s::timestamptz from lines l
        union
        select s.item, s.location, s.measure, %(reason)s::text, %(now)s::timestamptz
        from lines l join staging.stg_facts s
          on (s.event_key, s.location, s.measure) = (l.event_key, l.location, l.measure)
        where s.item is not null
        """,
        {"now": now, "reason": reason},
    ).rowcount
