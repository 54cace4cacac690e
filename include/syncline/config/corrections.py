"""Which corrections a changed channel rule, tolerance or subscription concerns: queued, no stock decided again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import psycopg

from syncline.config.tables import NUMBERS, Row, Rows

REASON = "configuration"
ByKey = dict[tuple[str, ...], Row]


def queue_corrections(conn: psycopg.Connection, old: Rows, new: Rows, now: datetime) -> int:
    """Queue every (target, item, location) whose subscription, channel rule or limit on an unsent
    correction changed.

    A key that no rule includes any more is queued too: its channel must be told that there is nothing to sell.
    Returns the number of keys.
    """
    return (
        _queue(conn, _STOCKED, _subscription_changes(old, new), now)
        + _queue(conn, _STOCKED, _channel_changes(old, new), now)
        + _queue(conn, _TOLERANCES, _tolerance_changes(old, new), now)
        + _queue(conn, _DISCONTINUED, _discontinued_changes(old, new), now)
    )


_STOCKED = """
select distinct c.target, b.item, b.location
from unnest(%(target)s::text[], %(location)s::text[], %(item_class)s::text[]) c (target, location, item_class)
join ops.current_items i on i.item_class = c.item_class
join canonical.balances b on b.item = i.item and b.location = c.location and b.measure = 'on_hand'
"""

_TOLERANCES = """
select distinct c.target, o.item, o.location
from unnest(%(target)s::text[], %(item_class)s::text[]) c (target, item_class)
join ops.current_items i on i.item_class = c.item_class
join ops.outbox o on o.target = c.target and o.item = i.item and o.state in ('pending', 'held') and o.tries = 0
"""

_DISCONTINUED = """
select distinct r.channel, b.item, b.location
from unnest(%(target)s::text[]) c (item)
join canonical.balances b on b.item = c.item and b.measure = 'on_hand'
join ops.current_channel_rules r on r.location in (b.location, '*') and r.discontinued = 'zero'
"""


def _queue(conn: psycopg.Connection, keys: str, values: dict[str, list[Any]], now: datetime) -> int:
    if not values["target"]:
        return 0
    return conn.execute(
        f"""
        insert into ops.correction_queue (target, item, location, reason, queued_at)
        select k.*, %(reason)s, %(now)s::timestamptz from ({keys}) k
        on conflict (target, item, location) do update
          set reason = excluded.reason, seen_by = null,
              queued_at = greatest(ops.correction_queue.queued_at, excluded.queued_at)
        """.encode(),
        {**values, "reason": REASON, "now": now},
    ).rowcount


def _channel_changes(old: Rows, new: Rows) -> dict[str, list[Any]]:
    """(channel, location, class) for which another rule holds than before; no rule is an answer too."""
    rules = [_by(rows["channel_rules"], ("channel", "location", "item_class")) for rows in (old, new)]
    return _placed_changes(rules, new, ("safety_stock", "confidence", "discontinued"))


def _placed_changes(rules: list[ByKey], new: Rows, says: tuple[str, ...]) -> dict[str, list[Any]]:
    """(target, location, class) for which another of ``rules`` (target, location, class) holds than before."""
    if rules[0] == rules[1]:
        return {"target": []}

    def holds(rules: ByKey, target: str, location: str, item_class: str) -> tuple[Any, ...] | None:
        """The most specific rule: location before class, as candidate_corrections picks it."""
        for place, kind in ((location, item_class), (location, "*"), ("*", item_class), ("*", "*")):
            if rule := rules.get((target, place, kind)):
                return tuple(rule[column] for column in says)
        return None

    return _changed(
        rules, holds,
        [
            (target, location["location"], item_class)
            for target in sorted({key[0] for side in rules for key in side})
            for location in new["locations"]
            for item_class in _classes(new)
        ],
        ("target", "location", "item_class"),
    )  # fmt: skip


def _subscription_changes(old: Rows, new: Rows) -> dict[str, list[Any]]:
    """(target, location, class) for which another subscription holds than before."""
    subscriptions = [
        _by([row for row in rows["subscriptions"] if row["event"] in NUMBERS], ("subscriber", "location", "item_class"))
        for rows in (old, new)
    ]
    return _placed_changes(subscriptions, new, ("event", "mode", "outside"))


def _tolerance_changes(old: Rows, new: Rows) -> dict[str, list[Any]]:
    limits = [_by(rows["tolerances"], ("target", "item_class")) for rows in (old, new)]
    if limits[0] == limits[1]:
        return {"target": []}

    def holds(limits: ByKey, target: str, item_class: str) -> int | None:
        rule = limits.get((target, item_class)) or limits.get((target, "*"))
        return rule["units_max"] if rule else None

    targets = sorted({key[0] for side in limits for key in side})
    keys = [(target, item_class) for target in targets for item_class in _classes(new)]
    return _changed(limits, holds, keys, ("target", "item_class"))


def _discontinued_changes(old: Rows, new: Rows) -> dict[str, list[Any]]:
    """Items whose end has moved; a channel whose rule says so shows 0 of them from then on."""
    ends = [{row["item"]: row["discontinued_from"] for row in rows["items"]} for rows in (old, new)]
    return {"target": sorted(item for item, end in ends[1].items() if ends[0].get(item, "infinity") != end)}


def _by(rows: list[Row], key: tuple[str, ...]) -> ByKey:
    return {tuple(row[column] for column in key): row for row in rows}


def _classes(rows: Rows) -> list[str]:
    return sorted({row["item_class"] for row in rows["items"]})


def _changed(
    sides: list[ByKey],
    holds: Callable[..., Any],
    keys: Sequence[tuple[str, ...]],
    names: tuple[str, ...],
) -> dict[str, list[Any]]:
    found = [key for key in keys if holds(sides[0], *key) != holds(sides[1], *key)]
    return {name: [key[index] for key in found] for index, name in enumerate(names)}
