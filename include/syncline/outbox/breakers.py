"""Circuit breakers: is what a batch would change at once still believable?

Asked at release, of the corrections the batch would send: they have no reason of their own to be held and no open
trip covers them. Narrow rules come first, and what one rule holds no later rule counts, so that one bad feed asks a
person one question. The order: zeros of a location, zeros of one snapshot, keys, units, value.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from syncline.exceptions import About, open_exception
from syncline.outbox.trips import RULE, open_trip
from syncline.registry.models import Breakers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    import psycopg

    from syncline.outbox.trips import Trip

Row = dict[str, Any]  # of release.CANDIDATES: target, item, location, wanted, shown, delta, unit_value
LARGEST = 3
LARGEST_WORD = "Largest: "  # begins the last sentence of a detail
UNITS = {"keys": "keys", "units": "units", "value": "in the currency's minor unit"}
NEXT_STEP = (
    "Compare the three keys with their feed. Then answer the question of the DAG release_held in Airflow, or: "
    "syncline outbox breakers release {trip} (or deny {trip}) --by NAME --note WHY."
)


def trip_breakers(
    conn: psycopg.Connection, batch_id: int, rows: list[Row], breakers: Mapping[str, Breakers], at: datetime
) -> list[Trip]:
    """Open a trip for each bound that ``rows`` are beyond; at most one of keys, units and value for a target.

    Args:
        rows: what the batch would send, all targets; the caller holds the outbox locks.
        breakers: target name -> its bounds; the defaults hold for a target that is not there.
    """
    tripped: list[Trip] = []
    by_target: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_target[row["target"]].append(row)
    for target, left in sorted(by_target.items()):
        bounds = breakers.get(target, Breakers())

        def trip(rule: str, of: list[Row], size: Callable[[Row], int], target: str = target, **found: Any) -> Trip:
            found["detail"] = f"{found['detail']} {LARGEST_WORD}{_largest(of, size)}."
            opened = open_trip(conn, rule, target=target, batch_id=batch_id, at=at, **found)
            open_exception(
                conn, RULE, opened.subject, detail=f"{opened.detail} Held: {opened.scope}.",
                next_step=NEXT_STEP.format(trip=opened.trip_id), at=at, batch_id=batch_id,
                about=About(target=target), evidence=[f"trip:{opened.trip_id}"],
            )  # fmt: skip
            return opened

        for location, zeroed in _zeroed(left, bounds):
            found = _mass_zero(conn, target, location, zeroed, bounds)
            found = found or _snapshot_zero(conn, batch_id, target, location, zeroed, bounds)
            if found is not None:
                tripped.append(trip(found.pop("rule"), zeroed, lambda row: int(row["shown"]), **found))
                left = [row for row in left if row["location"] != location]
        found = _too_much(conn, target, left, bounds)
        if found is not None:
            tripped.append(trip(found.pop("rule"), left, found.pop("size"), **found))
    return tripped


def _zeroed(rows: list[Row], bounds: Breakers) -> Iterator[tuple[str, list[Row]]]:
    """Locations where enough keys that have stock would go to zero."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["shown"] > 0 and row["wanted"] <= 0:
            found[row["location"]].append(row)
    for location, zeroed in sorted(found.items()):
        if len(zeroed) >= bounds.zero_keys_min:
            yield location, zeroed


def _stocked(conn: psycopg.Connection, target: str, location: str) -> set[str]:
    """Items of which the target shows stock at the location."""
    rows = conn.execute(
        "select item from (select distinct on (item) item, quantity from ops.target_readings "
        "where target = %s and location = %s order by item, reading_no desc) newest where quantity > 0",
        (target, location),
    )
    return {row[0] for row in rows}


def _mass_zero(
    conn: psycopg.Connection, target: str, location: str, zeroed: list[Row], bounds: Breakers
) -> dict[str, Any] | None:
    stocked = len(_stocked(conn, target, location))
    bound = min(bounds.zero_keys_max, stocked * bounds.zero_share_pct // 100)
    if len(zeroed) <= bound:
        return None
    return {
        "rule": "mass_zero",
        "locations": [location],
        "measured": len(zeroed),
        "bound": bound,
        "detail": f"{len(zeroed)} of {stocked} keys with stock of {target} at {location} would go to zero, more than "
        f"{bound}.",
    }


def _snapshot_zero(
    conn: psycopg.Connection, batch_id: int, target: str, location: str, zeroed: list[Row], bounds: Breakers
) -> dict[str, Any] | None:
    """One document that says zero for most of what it speaks of: at a large location no mass, yet as odd."""
    documents = conn.execute(
        """
        select s.source, s.document_id,
               count(distinct s.item) filter (where s.quantity = 0 and s.item = any(%(zeroed)s)),
               count(distinct s.item)
        from staging.stg_facts s
        where s.batch_id = %(batch)s and s.kind = 'balance' and s.measure = 'on_hand' and s.location = %(location)s
          and s.item = any(%(stocked)s)
        group by s.source, s.document_id order by 3 desc, 1, 2
        """,
        {
            "zeroed": [row["item"] for row in zeroed], "stocked": sorted(_stocked(conn, target, location)),
            "batch": batch_id, "location": location,
        },
    ).fetchall()  # fmt: skip
    for source, document_id, zeros, told in documents:
        bound = told * bounds.zero_share_pct // 100
        if zeros >= bounds.zero_keys_min and zeros > bound:
            return {
                "rule": "snapshot_zero",
                "locations": [location],
                "source": source,
                "measured": zeros,
                "bound": bound,
                "detail": f"Document {document_id} of {source} says zero for {zeros} of {told} keys with stock of "
                f"{target} at {location}, more than {bound}.",
            }
    return None


def _too_much(conn: psycopg.Connection, target: str, rows: list[Row], bounds: Breakers) -> dict[str, Any] | None:
    units, value = sum(map(_units, rows)), sum(map(_value, rows))
    # The totals read every key of the target: only a batch that is large already pays for them.
    totals = _totals(conn, target) if len(rows) >= bounds.keys_min else None
    for position, (rule, measured, bound, share_pct, size) in enumerate(
        (
            ("keys", len(rows), bounds.keys_max, bounds.keys_share_pct, _units),
            ("units", units, bounds.units_max, bounds.units_share_pct, _units),
            ("value", value, bounds.value_max, bounds.value_share_pct, _value),
        )
    ):
        if totals is not None:
            bound = min(bound, totals[position] * share_pct // 100)
        if measured > bound:
            return {
                "rule": rule,
                "locations": None,
                "measured": measured,
                "bound": bound,
                "size": size,
                "detail": f"{len(rows)} keys of {target} would change at once, by {units} units worth {value} "
                f"{UNITS['value']}. Allowed: {bound} {UNITS[rule]}.",
            }
    return None


def _totals(conn: psycopg.Connection, target: str) -> tuple[int, int, int]:
    """Keys of a target, the units it shows, and their value in minor units."""
    row = conn.execute(
        """
        select count(*), coalesce(sum(greatest(r.quantity, 0)), 0),
               coalesce(sum(greatest(r.quantity, 0) * coalesce(i.unit_value, 0)::numeric), 0)
        from (select distinct on (item, location) item, quantity from ops.target_readings where target = %s
              order by item, location, reading_no desc) r
        left join ops.current_items i using (item)
        """,
        (target,),
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def _units(row: Row) -> int:
    return abs(int(row["delta"]))


def _value(row: Row) -> int:
    return _units(row) * int(row["unit_value"] or 0)


def _largest(rows: list[Row], size: Callable[[Row], int]) -> str:
    first = sorted(rows, key=lambda row: (-size(row), row["item"], row["location"]))[:LARGEST]
    return "; ".join(f"{row['item']} at {row['location']}: {row['shown']} → {row['wanted']}" for row in first)
