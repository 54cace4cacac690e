"""Sets that are full snapshots and prove it, as ``raw.snapshots`` (semantics §15): written with the file they came in.

What the partner's own totals are is no matter here: they count loops and add up quantities as each standard has it, and
the set is read only when they hold (``edi/documents/snapshots.py``). The totals that are stored count its facts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from syncline.landing.snapshots import Snapshot, SnapshotLine, cut, snapshot_id, span_of, store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from syncline.edi import SetReading

_ZONE = """
select coalesce(s.timezone, p.timezone), s.clock_skew_s from ops.current_sources s
left join ops.current_location_crosswalk c on c.source in (s.source, '*') and c.location_ref = %s
left join ops.current_locations p on p.location = c.location
where s.source = %s order by c.source = '*', c.valid_from desc limit 1
"""
# What the set calls a status is mapped for its scope as it is for its facts.
_MEASURES = """
select distinct coalesce(own.measure, every.measure) from unnest(%s::text[]) as r (status_ref)
left join ops.current_status_crosswalk own on own.source = %s and own.status_ref = r.status_ref
left join ops.current_status_crosswalk every on every.source = '*' and every.status_ref = r.status_ref
"""


class Whole(NamedTuple):
    """What a proven set states: when, how many facts of what sum, and by which codes."""

    snapshot_id: str
    recorded: str
    revision: int
    lines: int
    units: Decimal
    status_refs: tuple[str, ...]


def whole_of(each: SetReading, source: str, document: str) -> Whole | None:
    """The full snapshot that ``each`` is; None where that is not declared, not proven, or not of one as-of.

    Read again to the same facts it is the same snapshot; read to others it is another one, of which nothing is known.
    """
    if not each.is_proven:
        return None
    said: set[tuple[str | None, int]] = set()
    status_refs: set[str] = set()
    lines, units = 0, Decimal(0)
    for fact in each.facts:
        if fact.kind != "balance" or fact.cancel or fact.is_test or fact.quantity is None or fact.status_ref is None:
            return None
        said.add((fact.recorded, fact.revision))
        status_refs.add(fact.status_ref)
        lines += 1
        units += Decimal(fact.quantity)
    if len(said) != 1:
        return None
    ((recorded, revision),) = said
    part = f"{each.taken.opener.offset}/{lines}/{units}"
    key = snapshot_id(source, recorded or "", [document], part)
    return Whole(key, recorded or "", revision, lines, units, tuple(sorted(status_refs)))


def store_whole(
    conn: psycopg.Connection, source: str, document: str, sets: Iterable[SetReading], now: datetime
) -> None:
    """Write the snapshots among ``sets``. For ``Load.beside``."""
    for each in sets:
        whole = whole_of(each, source, document)
        if whole is None or not each.locations:
            continue
        zone, skew_s = conn.execute(_ZONE, [each.locations[0], source]).fetchone() or (None, 0)
        span = span_of(whole.recorded, ZoneInfo(zone) if zone else None)
        measures = [row[0] for row in conn.execute(_MEASURES, [list(whole.status_refs), source])]
        if span is None or None in measures:
            continue  # its facts are quarantined for that, all or some: nothing is left out for certain
        snapshot = Snapshot(
            whole.snapshot_id, source, "3pl", [document], each.locations, sorted(measures), whole.recorded,
            cut(span, now, skew_s), now, whole.lines, whole.units, whole.lines, whole.units, True,
            document_key=each.reference or document, revision=whole.revision,
        )  # fmt: skip
        store(conn, snapshot, _lines(each))


def _lines(each: SetReading) -> Iterable[SnapshotLine]:
    for fact in each.facts:
        yield SnapshotLine(
            fact.position, fact.item_ref or "", fact.location_ref or "", fact.status_ref or "", fact.lot, fact.uom,
            fact.quantity or "",
        )  # fmt: skip
