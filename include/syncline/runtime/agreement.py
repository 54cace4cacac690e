"""Do ERP and shop show what canonical says? Compared with the twin's own books, not with our readings of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

# The ERP keeps books of what is there and ours (semantics §8); the shop what can be sold: the last released number.
WANTED = """
select 'erp', item, location,
       sum(quantity) filter (where measure = 'on_hand')
       - coalesce(sum(quantity) filter (where measure = 'consigned'), 0)
from canonical.balances group by item, location having bool_or(measure = 'on_hand')
union all
select * from (select distinct on (item, location) 'shop', item, location, wanted
               from ops.target_versions where target = 'shop' order by item, location, version desc) latest
"""
HELD = "select target, item, location, coalesce(reason, 'no reason') from ops.outbox where state = 'held'"


@dataclass(frozen=True)
class Disagreement:
    """``wanted`` is None when canonical does not know the key, ``shown`` when the target does not."""

    target: str
    item: str
    location: str
    wanted: int | None
    shown: int | None


@dataclass(frozen=True)
class Agreement:
    """``held`` maps (target, item, location) to the reason; held keys are in no other figure."""

    keys: int
    wrong: list[Disagreement]
    held: dict[tuple[str, str, str], str]

    @property
    def held_share(self) -> float:
        return len(self.held) / self.keys if self.keys else 0.0


def compare(conn: psycopg.Connection, truth: dict[str, Any]) -> Agreement:
    """Every key of canonical and of both targets, but the held ones."""
    wanted = {(target, item, location): int(units) for target, item, location, units in conn.execute(WANTED)}
    held = {(target, item, location): str(reason) for target, item, location, reason in conn.execute(HELD)}
    books = {"erp": truth["erp"]["balances"], "shop": truth["shop"]}
    shown = {(target, item, location): int(units) for target, rows in books.items() for item, location, units in rows}
    keys = sorted(wanted.keys() | shown.keys())
    wrong = [
        Disagreement(target, item, location, wanted.get(key), shown.get(key))
        for key in keys
        for target, item, location in [key]
        if key not in held and wanted.get(key) != shown.get(key)
    ]
    return Agreement(len(keys), wrong, held)
