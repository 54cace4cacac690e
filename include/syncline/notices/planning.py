"""Number the events that are committed, and turn those that a subscriber wants into deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.notices.channel import SubscriberPolicy

NUMBERED_MAX = 10_000
PLANNED_MAX = 10_000
ROUNDS_MAX = 100

_PLAN = """
with found as (
  select p.position, e.event_id, e.kind, e.subject, e.location, i.item_class
  from ops.event_positions p join ops.events e using (event_id)
  left join ops.current_items i on i.item = e.item
  where p.position > %(after)s and p.position <= %(until)s),
wanted as (
  insert into ops.deliveries (subscriber, position, event_id, subject, state, changed_at)
  select %(name)s, f.position, f.event_id, f.subject, case m.mode when 'shadow' then 'shadow' else 'waiting' end, %(at)s
  from found f cross join lateral (
    select s.mode from ops.current_subscriptions s
    where s.subscriber = %(name)s and s.event in ('*', f.kind) and s.location in ('*', f.location)
      and s.item_class in ('*', f.item_class)
    order by s.event = '*', s.location = '*', s.item_class = '*' limit 1) m
  where m.mode <> 'off'
  returning 1)
select (select max(position) from found), (select count(*) from wanted)
"""


def plan(conn: psycopg.Connection, policy: SubscriberPolicy, at: datetime) -> int:
    """Deliveries for everything that has happened since the last plan of this subscriber; how many there are."""
    for _ in range(ROUNDS_MAX):
        # By itself and short: a commit is all that the next one, of any subscriber, waits for.
        row = conn.execute("select ops.number_events(%s)", (NUMBERED_MAX,)).fetchone()
        if row is None or row[0] < NUMBERED_MAX:
            break
    _begin(conn, policy)
    planned = 0
    for _ in range(ROUNDS_MAX):
        count = _plan_some(conn, policy, at)
        if count is None:
            break
        planned += count
    return planned


def _begin(conn: psycopg.Connection, policy: SubscriberPolicy) -> None:
    conn.execute(
        "insert into ops.subscriber_cursors (subscriber, position) "
        "select %s, case when %s then 0 else (select coalesce(max(position), 0) from ops.event_positions) end "
        "on conflict do nothing",
        (policy.name, policy.from_start),
    )


def _plan_some(conn: psycopg.Connection, policy: SubscriberPolicy, at: datetime) -> int | None:
    """Deliveries of the next events, None when there are no more events."""
    with conn.transaction():
        cursor = conn.execute(
            "select position from ops.subscriber_cursors where subscriber = %s for update", (policy.name,)
        ).fetchone()
        assert cursor is not None
        values = {"name": policy.name, "after": cursor[0], "until": cursor[0] + PLANNED_MAX, "at": at}
        row = conn.execute(_PLAN, values).fetchone()
        if row is None or row[0] is None:
            return None
        conn.execute("update ops.subscriber_cursors set position = %s where subscriber = %s", (row[0], policy.name))
        return int(row[1])
