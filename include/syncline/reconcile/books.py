"""Whose books are asked for a location: the WMS sources and ERP targets of the registry that tell full states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.errors import ConfigurationError
from syncline.reconcile.pages import ERP, WMS, Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from syncline.landing.snapshots import System
    from syncline.registry import Balances, Registry, Source, Target

ERP_RETRIES = 4

# The locations that a source's name for a place means at an instant, its own row before everybody's.
_PLACES = """
select distinct on (location_ref) location_ref, location from ops.current_location_crosswalk
where source in (%(source)s, '*') and location_ref = %(ref)s and %(at)s >= valid_from and %(at)s < valid_to
order by location_ref, source = '*'
"""


@dataclass(frozen=True, slots=True)
class Books:
    """One system's book of one location: how it is asked for. ``location_ref`` is the location in its words."""

    source: str
    system: System
    conn_id: str
    location: str
    location_ref: str
    path: str
    params: Mapping[str, str]
    dialect: Dialect
    balances: Balances
    timeout_s: int
    retries: int


def books_of(conn: psycopg.Connection, registry: Registry, location: str, at: datetime) -> list[Books]:
    """All books of ``location``, WMS before ERP, by name; none where only files tell of it."""
    found = [
        _of_source(source, location)
        for source in sorted(registry.sources, key=lambda each: each.name)
        if source.enabled and source.balances and _is_at(conn, source, location, at)
    ]
    found += [
        _of_target(target, location, _target_ref(conn, target.name, location))
        for target in sorted(registry.targets, key=lambda each: each.name)
        if target.enabled and target.balances
    ]
    return found


def chosen(conn: psycopg.Connection, location: str | None) -> list[str]:
    """``location``, or every one that is configured.

    Raises:
        ConfigurationError: there is no such location.
    """
    known = sorted(row[0] for row in conn.execute("select location from ops.current_locations"))
    if location is not None and location not in known:
        raise ConfigurationError(
            f"There is no location {location!r}.", next_step=f"Use one of: {', '.join(known)}.", location=location
        )
    return known if location is None else [location]


def _is_at(conn: psycopg.Connection, source: Source, location: str, at: datetime) -> bool:
    row = conn.execute(_PLACES, {"source": source.name, "ref": source.site, "at": at}).fetchone()
    return row is not None and row[1] == location


def _target_ref(conn: psycopg.Connection, target: str, location: str) -> str:
    row = conn.execute(
        "select ref from ops.current_target_locations where target = %s and location = %s", (target, location)
    ).fetchone()
    return location if row is None else str(row[0])


def _of_source(source: Source, location: str) -> Books:
    assert source.balances is not None
    assert source.site is not None
    return Books(
        source.name, "wms", source.conn_id, location, source.site, f"/wms/v1/{source.site}/balances", {}, WMS,
        source.balances, source.timeout_s, source.retries,
    )  # fmt: skip


def _of_target(target: Target, location: str, ref: str) -> Books:
    assert target.balances is not None
    return Books(
        target.name, "erp", target.conn_id, location, ref, "/erp/v1/balances", {"location": ref}, ERP,
        target.balances, target.timeout_s, ERP_RETRIES,
    )  # fmt: skip
