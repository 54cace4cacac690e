"""A full state that differs too much to be believed: told once, in one line, with what most likely happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from syncline.exceptions import open_exception, resolve_exception
from syncline.outbox.transitions import lock_targets
from syncline.outbox.trips import close_trip, open_trip, reason_prefix, trips
from syncline.reconcile.promoting import Flood

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

    from syncline.reconcile.sides import Side

RULE = "snapshot.flood"
TRIP = "snapshot_flood"
# Of what differs, how many of a thousand must show one pattern for it to be named as the cause.
PATTERN_PERMILLE = 800

# Keys that canonical is certain of, and of which nothing is known to be under way: a state from the middle of a day
# lacks what the pushes of that hour bring. Factors are compared by multiplication: the commonest pair, reduced.
_PATTERNS = """
with wrong as (
  select o.said, o.held, o.off from compared_off o
  where o.system = %(system)s and o.off <> 0
    and coalesce(o.reason, '') not in ('no base', 'ambiguous', 'not in canonical')
    and not exists (select from compared_positions p
      where (p.system, p.item, p.measure, p.lot) = (o.system, o.item, o.measure, o.lot))
    and not exists (select from compared_explained e
      where (e.system, e.item, e.measure, e.lot) = (o.system, o.item, o.measure, o.lot) and e.due_at > %(now)s)
),
factors as (
  select trim_scale(said / held)::text as factor, count(*) as keys from wrong
  where held <> 0 and said <> 0 and mod(said, held) = 0 group by 1 order by 2 desc, 1 limit 1
),
parts as (
  select trim_scale(held / said)::text as factor, count(*) as keys from wrong
  where held <> 0 and said <> 0 and mod(held, said) = 0 group by 1 order by 2 desc, 1 limit 1
),
shifts as (select trim_scale(off)::text as shift, count(*) as keys from wrong group by 1 order by 2 desc, 1 limit 1),
-- The same numbers under other names: as a bag they are what canonical holds.
bags as (
  select coalesce(sum(least(a.n, b.n)), 0) as keys
  from (select said as q, count(*) as n from wrong where said <> 0 group by 1) a
  join (select held as q, count(*) as n from wrong where held <> 0 group by 1) b using (q)
)
select count(*), count(*) filter (where said = 0), (select factor from factors), coalesce((select keys from factors),
  0),
  (select factor from parts), coalesce((select keys from parts), 0), (select shift from shifts),
  coalesce((select keys from shifts), 0), (select keys from bags)
from wrong
"""
# What the trip held is thought about again, with what was told since.
_WAKE = """
insert into ops.key_triggers (item, location, measure, reason, due_at)
select distinct item, location, 'on_hand', 'snapshot believed', %s::timestamptz from ops.outbox
where state = 'held' and tries = 0 and starts_with(reason, %s)
"""


class Flooded(NamedTuple):
    """A side that is not believed: ``differing`` of ``compared`` keys; ``line`` says all of it to a person."""

    system: str
    source: str
    snapshot_id: str
    compared: int
    differing: int
    line: str


def find_floods(
    conn: psycopg.Connection, sides: Sequence[Side], keys: dict[str, int], location: str, limit: Flood, now: datetime
) -> list[Flooded]:
    """Sides of which more than ``limit`` of the keys differ from canonical for no known reason, after ``pair_up``.

    Args:
        keys: measure -> keys looked at, of ``sides.align``.
    """
    found = []
    for side in (each for each in sides if each.is_proven):
        measures = {"financial"} if side.system == "erp" else set(side.measures)
        compared = sum(count for measure, count in keys.items() if measure in measures)
        row = conn.execute(_PATTERNS.encode(), {"system": side.system, "now": now}).fetchone()
        assert row is not None
        differing = int(row[0])
        if differing < limit.keys_min or differing * 100 <= compared * limit.share_pct:
            continue
        line = (
            f"{side.source} (document {side.document}, as of {side.as_of_from.isoformat(timespec='seconds')}) differs "
            f"in {differing} of {compared} keys at {location}, {differing * 100 // compared} %, more than "
            f"{limit.share_pct} %: {_likeliest(row)}."
        )
        found.append(Flooded(side.system, side.source, side.snapshot_id, compared, differing, line))
    return found


def _likeliest(row: tuple[int, int, str | None, int, str | None, int, str | None, int, int]) -> str:
    wrong, zeros, factor, multiplied, part, divided, shift, shifted, renamed = row

    def most(keys: int) -> bool:
        return keys * 1000 >= wrong * PATTERN_PERMILLE

    if most(zeros):
        return f"{zeros} of them are 0, so it is probably cut, or of an empty scope"
    if most(multiplied) and factor != "1":
        return f"{multiplied} of them are {factor} times our number, so its unit is probably another one"
    if most(divided) and part != "1":
        return f"{divided} of them are our number divided by {part}, so its unit is probably another one"
    if most(shifted):
        return f"{shifted} of them are off by {shift}, so the same thing was probably added to every line"
    if most(renamed):
        return "its numbers are ours under other names, so its item references probably moved"
    return "no one pattern; probably another site, another day, or garbled quantities"


def tell_floods(
    conn: psycopg.Connection,
    sides: Sequence[Side],
    floods: Sequence[Flooded],
    location: str,
    limit: Flood,
    now: datetime,
) -> None:
    """One exception and one trip for each side that is not believed; a proven state that is closes both."""
    standing = {(trip.source, tuple(trip.locations or ())): trip for trip in trips(conn) if trip.rule == TRIP}
    flooded = {flood.source: flood for flood in floods}
    for side in (each for each in sides if each.is_proven):
        subject, trip = f"{side.source}/{location}", standing.get((side.source, (location,)))
        flood = flooded.get(side.source)
        if flood is None:
            resolve_exception(conn, RULE, subject, at=now)
            if trip is not None:
                lock_targets(conn)
                if close_trip(conn, trip, "recovered", by=f"a state of {side.source} that is believed", at=now):
                    conn.execute(_WAKE, (now, reason_prefix(trip.trip_id)))
            continue
        open_exception(
            conn, RULE, subject, detail=flood.line, at=now,
            next_step=f"Compare a few lines with the shelf and with {side.source}. Nothing of it was taken over; a "
            "state that differs less closes this. Corrections of the location wait: `syncline outbox breakers`.",
        )  # fmt: skip
        if trip is None:
            open_trip(
                conn, TRIP, target=None, locations=[location], source=side.source, at=now, detail=flood.line,
                measured=flood.differing, bound=flood.compared * limit.share_pct // 100,
            )  # fmt: skip
