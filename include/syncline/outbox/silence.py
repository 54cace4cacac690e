"""Sources that are silent beyond their declared bound: an exception each, and a breaker where one owns the stock.

Heard is: of an API its last complete poll, also one that found nothing new; of a file source its last file that said
something (a polled inbox that stays empty, a refused file and an old file sent again are silence). A source that was
never heard counts from the first look at it, so that neither a fresh installation nor a new entry starts overdue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncline.config.globs import as_like, namespace, specificity
from syncline.exceptions import About, is_standing, open_exception, resolve_exception
from syncline.outbox.transitions import lock_targets
from syncline.outbox.trips import SILENT, Trip, close_trip, open_trip, reason_prefix, trips

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from syncline.registry import Source

RULE = "source.silent"
WATCH_LOCK = 7240011
NEXT_STEP = (
    "See the runbook of a silent partner: is it the partner, the way there, or us? It closes by itself when the source "
    "speaks. Corrections of stock it owns wait meanwhile; `syncline outbox breakers` lists and releases them."
)


@dataclass
class Watched:
    """Sources by what this look found; ``overdue`` are all that are silent now."""

    overdue: list[str] = field(default_factory=list)
    newly_silent: list[str] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)


def watch_sources(conn: psycopg.Connection, sources: Iterable[Source], now: datetime) -> Watched:
    """Compare every enabled source with its bound; open and close exceptions and trips. Safe to repeat.

    Args:
        conn: role transformer, autocommit.
        now: run time in the product's clock.
    """
    found = Watched()
    enabled = [source for source in sources if source.enabled]
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", (WATCH_LOCK,))
        standing = {trip.source: trip for trip in trips(conn) if trip.rule == SILENT}
        for (name,) in conn.execute(
            "delete from ops.source_bounds where source <> all(%s) returning source", ([each.name for each in enabled],)
        ).fetchall():
            _recover(conn, name, standing.get(name), now, by="no longer watched")
        for source in enabled:
            heard = _look(conn, source, now)
            silent_s = int((now - heard).total_seconds())
            if silent_s > source.staleness_s:
                found.overdue.append(source.name)
                if _fall_silent(conn, source, heard, silent_s, now):
                    found.newly_silent.append(source.name)
            elif _recover(conn, source.name, standing.get(source.name), now, by=f"{source.name} speaks again"):
                found.recovered.append(source.name)
    return found


def _look(conn: psycopg.Connection, source: Source, now: datetime) -> datetime:
    """Store the bound and what was heard last; the instant the silence is counted from."""
    row = conn.execute(
        """
        insert into ops.source_bounds as b (source, speaks_by, staleness_s, watched_since, checked_at)
        values (%(source)s, %(speaks_by)s, %(bound)s, %(now)s, %(now)s)
        on conflict (source) do update set speaks_by = excluded.speaks_by, staleness_s = excluded.staleness_s,
          checked_at = excluded.checked_at,
          last_seen_at = case when b.speaks_by = excluded.speaks_by then b.last_seen_at end
        returning last_seen_at, watched_since
        """,
        {"source": source.name, "speaks_by": source.speaks_by, "bound": source.staleness_s, "now": now},
    ).fetchone()
    assert row is not None
    known: datetime | None
    since: datetime
    known, since = row
    # Documents are partitioned by receipt: only what came after the last one known is looked through.
    query = (
        "select max(received_at) from raw.documents where source = %(source)s and status in ('accepted', 'partial') "
        "and received_at > coalesce(%(known)s::timestamptz, 'epoch')"
        if source.speaks_by == "file"
        else "select max(polled_at) from ops.source_cursors where source = %(source)s and polled_at > 'epoch'"
    )
    told = conn.execute(query, {"source": source.name, "known": known}).fetchone()
    times: list[datetime] = [at for at in (known, told[0] if told else None) if at is not None]
    if not times:
        return since
    conn.execute("update ops.source_bounds set last_seen_at = %s where source = %s", (max(times), source.name))
    return max(*times, since)


def _fall_silent(conn: psycopg.Connection, source: Source, heard: datetime, silent_s: int, now: datetime) -> bool:
    """Open what is not open yet for this silence; False when all of it was. One trip a silence: decided is decided."""
    last = "complete poll" if source.speaks_by == "poll" else "file"
    detail = (
        f"{source.name} is silent for {silent_s} s, allowed are {source.staleness_s}; its last {last} (or the first "
        f"look at it) was at {heard.isoformat(timespec='seconds')}."
    )
    known = conn.execute(
        "select exists (select from ops.breaker_trips where rule = %(silent)s and source = %(source)s "
        "and silent_since = %(since)s)",
        {"silent": SILENT, "source": source.name, "since": heard},
    ).fetchone()
    assert known is not None
    is_told = is_standing(conn, RULE, source.name)
    if not is_told:
        about = About(source=source.name)
        open_exception(conn, RULE, source.name, detail=detail, next_step=NEXT_STEP, at=now, about=about)
    locations = [] if known[0] else _owned_locations(conn, source.name, now)
    if locations:
        open_trip(
            conn, SILENT, target=None, locations=locations, source=source.name, measured=silent_s,
            bound=source.staleness_s, detail=detail, at=now, silent_since=heard,
        )  # fmt: skip
    return bool(locations) or not is_told


def _recover(conn: psycopg.Connection, source: str, trip: Trip | None, now: datetime, *, by: str) -> bool:
    """Close the exception and the trip, and have what the trip held thought about again: with what was told since."""
    is_open = is_standing(conn, RULE, source)
    resolve_exception(conn, RULE, source, at=now)
    if trip is not None:
        # A release that still sees the trip open would hold rows that nobody lets go.
        lock_targets(conn)
    if trip is not None and close_trip(conn, trip, "recovered", by=by, at=now):
        conn.execute(
            "insert into ops.key_triggers (item, location, measure, reason, due_at) "
            "select distinct item, location, 'on_hand', 'source recovered', %s::timestamptz from ops.outbox "
            "where state = 'held' and tries = 0 and starts_with(reason, %s)",
            (now, reason_prefix(trip.trip_id)),
        )
    return is_open or trip is not None


def _owned_locations(conn: psycopg.Connection, source: str, now: datetime) -> list[str]:
    """Locations where ``source`` is primary now for any measure or item class (semantics §3)."""
    rules = conn.execute(
        "select source, measure, location, item_class from ops.current_ownership_rules "
        "where role = 'primary' and valid_from <= %(now)s and %(now)s < valid_to",
        {"now": now},
    ).fetchall()
    owned = set()
    for _, measure, pattern, item_class in (rule for rule in rules if rule[0] == source):
        rivals = [
            as_like(other)
            for rival, of_measure, other, of_class in rules
            if rival != source and of_measure == measure and of_class in ("*", item_class)
            and namespace(other) == namespace(pattern) and specificity(other) > specificity(pattern)
        ]  # fmt: skip
        found = conn.execute(
            "select location from ops.current_locations where location like %s and location not like all(%s::text[])",
            (as_like(pattern), rivals),
        )
        owned |= {location for (location,) in found}
    return sorted(owned)
