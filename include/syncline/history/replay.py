"""Derive keys again from raw: what that would change, and the request that the next batch does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from syncline.config.requests import request_remapping, touch_cells
from syncline.errors import ConfigurationError, TerminalError
from syncline.history.closure import Place
from syncline.history.derive import derive
from syncline.history.knowledge import Knowledge
from syncline.history.published import Published
from syncline.history.snapshot import settled_snapshot

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

FACTS_MAX = 1_000_000  # of one run: a dry run copies them
REASON = "replay"
# Facts that batches have taken and that are staged: what waits for its batch is not derived yet.
_SELECTED = """
select distinct s.fact_id, s.item, s.location, s.measure
from raw.facts f join ops.batch_loads b using (load_id) join staging.stg_facts s using (fact_id)
where f.source = %(source)s
  and (%(from)s::timestamptz is null or f.received_at >= %(from)s)
  and (%(to)s::timestamptz is null or f.received_at <= %(to)s)
  and (%(items)s::text[] is null
    or (s.item, s.location) in (select * from unnest(%(items)s::text[], %(locations)s::text[])))
"""
_CELLS = f"""
select distinct item, location, measure from ({_SELECTED}) x
where item is not null and location is not null and measure is not null order by 1, 2, 3
"""
_KEYS = "join unnest(%s::text[], %s::text[], %s::text[]) c (item, location, measure) using (item, location, measure)"


@dataclass(frozen=True)
class Selection:
    """Facts of ``source`` received from and to these instants (inclusive, None is open), of ``places`` (empty: all)."""

    source: str
    received_from: datetime | None = None
    received_to: datetime | None = None
    places: tuple[Place, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not (self.places or self.received_from or self.received_to)

    def values(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "from": self.received_from,
            "to": self.received_to,
            "items": [item for item, _ in self.places] or None,
            "locations": [location for _, location in self.places] or None,
        }


@dataclass(frozen=True)
class KeyChange:
    """A stock key whose numbers differ; None: no row before, or none after."""

    item: str
    location: str
    measure: str
    lot: str
    old: Published | None
    new: Published | None


@dataclass(frozen=True)
class Difference:
    """What a replay would change. ``facts``: (disposition now, disposition after) -> facts that differ in any way.

    ``moved``: keys outside the replayed ones that facts would move to; their numbers are not computed here.
    """

    selected: int
    cells: int
    keys: list[KeyChange] = field(default_factory=list)
    facts: Counter[tuple[str, str]] = field(default_factory=Counter)
    moved: list[Place] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.keys or self.facts or self.moved)

    def as_json(self) -> dict[str, Any]:
        return {
            "facts": self.selected,
            "cells": self.cells,
            "keys_changed": [asdict(each) for each in self.keys],
            "facts_changed": [
                {"before": before, "after": after, "facts": count}
                for (before, after), count in sorted(self.facts.items())
            ],
            "moved_to": [{"item": item, "location": location} for item, location in self.moved],
        }


def compare(
    source: psycopg.Connection, scratch: psycopg.Connection, scratch_dsn: str, selection: Selection, target: Path
) -> Difference:
    """Derive the cells of the selected facts from raw in the empty ``scratch`` and compare; nothing is written.

    The newest configuration is read, also one that no batch has resolved yet.

    Raises:
        ConfigurationError: no fact is selected. TerminalError: more than FACTS_MAX.
    """
    with settled_snapshot(source) as batch_id:
        cells, found = _select(source, selection)
        version = source.execute("select coalesce(max(version_id), 0) from ops.config_versions").fetchone()
        assert version is not None
        at = source.execute("select as_of from ops.batches where batch_id = %s", (batch_id,)).fetchone()
        assert at is not None
        places = sorted({(item, location) for item, location, _ in cells})
        known = Knowledge(batch_id, at[0], at[0], version[0])
        # A whole source takes nearly everything with it: that is not looked up fact by fact.
        derive(source, scratch, scratch_dsn, known, target, None if selection.is_whole else places)
        columns = [list(column) for column in zip(*cells, strict=True)]
        _compare_keys(source, scratch, columns, found)
        _compare_facts(source, scratch, columns, set(places), found)
    return found


def _select(source: psycopg.Connection, selection: Selection) -> tuple[list[tuple[str, str, str]], Difference]:
    values = selection.values()
    row = source.execute(f"select count(*) from ({_SELECTED} limit {FACTS_MAX + 1}) x".encode(), values).fetchone()
    selected = row[0] if row else 0
    if selected > FACTS_MAX:
        raise TerminalError(
            f"More than {FACTS_MAX:,} facts of {selection.source} are selected.",
            next_step="Go on part by part with --from, --to or --keys; `syncline rebuild` derives everything.",
        )
    cells = source.execute(_CELLS.encode(), values).fetchall()
    if not cells:
        raise ConfigurationError(
            f"No fact of {selection.source} with a key is selected.",
            next_step="Check the source's name, the times (UTC, of receipt) and the keys (item/location).",
            source=selection.source,
        )
    return cells, Difference(selected, len(cells))


def request(conn: psycopg.Connection, selection: Selection, now: datetime, by: str) -> tuple[int, int]:
    """Have the next batch map the selected facts again and decide their cells, and those judged with them, anew.

    Role transformer. Returns (facts, cells). Asked twice before that batch, it does the same once.
    """
    with conn.transaction():
        conn.execute(
            "create temporary table config_facts (fact_id text not null, remap boolean not null) on commit drop"
        )
        conn.execute(f"insert into config_facts select fact_id, true from ({_SELECTED}) x".encode(), selection.values())
        return request_remapping(conn, now, by), touch_cells(conn, now, REASON)


def _compare_keys(
    source: psycopg.Connection, scratch: psycopg.Connection, columns: Sequence[list[str]], found: Difference
) -> None:
    query = (
        "select item, location, measure, lot, quantity, quantity_lo, quantity_hi, is_ambiguous, base_fact "
        f"from canonical.balances {_KEYS}"
    )
    old, new = (
        {row[:4]: Published(*row[4:]) for row in conn.execute(query.encode(), columns)} for conn in (source, scratch)
    )
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            item, location, measure, lot = key
            found.keys.append(KeyChange(item, location, measure, lot, old.get(key), new.get(key)))


def _compare_facts(
    source: psycopg.Connection,
    scratch: psycopg.Connection,
    columns: Sequence[list[str]],
    places: set[Place],
    found: Difference,
) -> None:
    """Facts that are in the cells before: what becomes of each of them. Both sides are read in order, row by row."""
    before = f'select d.* from intermediate.int_dispositions d {_KEYS} order by d.fact_id collate "C"'
    moved: set[Place] = set()
    with scratch.transaction():
        after = _rows(scratch, 'select * from intermediate.int_dispositions order by fact_id collate "C"', ())
        now = next(after, None)
        for was in _rows(source, before, columns):
            while now is not None and now["fact_id"] < was["fact_id"]:
                now = next(after, None)
            same = now if now is not None and now["fact_id"] == was["fact_id"] else None
            if _meaning(was) == _meaning(same):
                continue
            found.facts[was["disposition"], same["disposition"] if same else "gone"] += 1
            if same and same["item"] and same["location"] and (same["item"], same["location"]) not in places:
                moved.add((same["item"], same["location"]))
    found.moved.extend(sorted(moved))


def _meaning(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return row and {name: value for name, value in row.items() if name != "batch_id"}


def _rows(conn: psycopg.Connection[TupleRow], query: str, values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    with conn.cursor(name="replayed", row_factory=dict_row) as cursor:
        yield from cursor.execute(query.encode(), values)
