"""The stock key a person asks about, with the names there are when it is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncline.config.tables import MEASURES
from syncline.errors import TerminalError

if TYPE_CHECKING:
    import psycopg

NEAREST_MAX = 3
LOTS_MAX = 8


@dataclass(frozen=True)
class StockKey:
    """One stock key (semantics §1); ``lot`` is empty at item grain. ``timezone`` is the IANA name of the location's."""

    item: str
    location: str
    measure: str
    lot: str
    timezone: str

    def __str__(self) -> str:
        return f"{self.item} at {self.location}, {self.measure}" + (f", lot {self.lot}" if self.lot else "")


def find_key(
    conn: psycopg.Connection, item: str, location: str, measure: str = "on_hand", lot: str | None = None
) -> StockKey:
    """The key of these names, as any version of the configuration knows them.

    Raises:
        TerminalError: nothing was ever resolved; item, location or measure is unknown, or the key is kept by lot and
            none was named: the next step holds the nearest names.
    """
    refuse_unresolved(conn)
    # Of any version: a number may be asked about after its item left the configuration.
    zone = conn.execute(
        "select timezone from ops.locations where location = %s order by version_id desc limit 1", (location,)
    ).fetchone()
    if zone is None:
        raise _unknown("location", location, _names(conn, "location", "locations"))
    if conn.execute("select 1 from ops.items where item = %s limit 1", (item,)).fetchone() is None:
        raise _unknown("item", item, _names(conn, "item", "items"))
    if measure not in MEASURES:
        raise _unknown("measure", measure, list(MEASURES))
    if lot is None:
        _refuse_lots(conn, item, location, measure)
    return StockKey(item, location, measure, lot or "", zone[0])


def read_instant(text: str, timezone: str) -> datetime:
    """An instant as a person writes it: ISO 8601; without an offset it is the wall clock of ``timezone``.

    Raises:
        TerminalError: it is no instant.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=ZoneInfo(timezone))
        instant.timestamp()  # some days of the years 1 and 9999 are none in UTC
    except (ValueError, OverflowError):
        raise TerminalError(
            f"{text!r} is no instant.",
            next_step=f"Write 2026-11-02T18:00:00 (in {timezone}), or with an offset: 2026-11-02T18:00:00Z.",
        ) from None
    return instant


def _names(conn: psycopg.Connection, column: str, table: str) -> list[str]:
    return [name for (name,) in conn.execute(f"select {column} from ops.current_{table} order by 1".encode())]


def _unknown(what: str, name: str, names: list[str]) -> TerminalError:
    upper = {each.upper(): each for each in reversed(names)}
    near = [upper[match] for match in get_close_matches(name.upper(), upper, NEAREST_MAX, cutoff=0.5)]
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(names[:NEAREST_MAX]) or 'none'} …"
    return TerminalError(f"The {what} {name!r} is not known.", next_step=hint, **{what: name})


def refuse_unresolved(conn: psycopg.Connection) -> None:
    """Raise TerminalError where no batch was ever built: there is nothing to ask about."""
    if conn.execute("select to_regclass('canonical.balances')").fetchone() == (None,):
        raise TerminalError("Nothing was ever resolved.", next_step="Run the DAG resolve, or `syncline up`.")


def _refuse_lots(conn: psycopg.Connection, item: str, location: str, measure: str) -> None:
    lots = conn.execute(
        "select lot, quantity from canonical.balances where (item, location, measure) = (%s, %s, %s) and lot <> '' "
        "order by lot limit %s",
        (item, location, measure, LOTS_MAX + 1),
    ).fetchall()
    if lots:
        shown = ", ".join(f"{lot} ({quantity})" for lot, quantity in lots[:LOTS_MAX])
        more = " and more" if len(lots) > LOTS_MAX else ""
        raise TerminalError(
            f"{item} at {location} is kept by lot.", next_step=f"Name one with --lot: {shown}{more}.", item=item
        )
