"""Tolerances of a variance must answer every key in one way: the row that names most decides (ADR 0030)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from syncline.config.files import place
from syncline.config.tables import LIMITS, Row, Rows

ANY = "*"
NAMED = ("location", "item_class", "criticality", "measure")
Names = tuple[str, ...]


def variance_faults(rows: Rows) -> Iterator[str]:
    """Rows without a limit or with limits the wrong way round, names that nobody defined, two answers for one key."""
    for row in rows["variance_tolerances"]:
        yield from _limits(row)
    yield from _unknown(rows)
    yield from _rivals(rows["variance_tolerances"])


def _limits(row: Row) -> Iterator[str]:
    where = place("variance_tolerances", row)
    if all(row[name] is None for name in LIMITS[::2]):
        yield f"{where}: no limit; open_units 0 says that nothing may be off"
    for opens, closes in zip(LIMITS[::2], LIMITS[1::2], strict=True):
        if row[closes] is not None and row[opens] is None:
            yield f"{where}: {closes} without {opens}"
        elif row[closes] is not None and row[closes] > row[opens]:
            yield f"{where}: {closes} {row[closes]} is above {opens} {row[opens]}: it would close what it just opened"


def _unknown(rows: Rows) -> Iterator[str]:
    known = {
        "location": {row["location"] for row in rows["locations"]} | {ANY},
        "item_class": {row["item_class"] for row in rows["items"]} | {ANY},
    }
    for table in ("variance_tolerances", "channel_criticality"):
        for row in rows[table]:
            for column, names in known.items():
                if row[column] not in names:
                    yield f"{place(table, row)}: {column} {row[column]!r} is not defined"


def _rivals(rows: list[Row]) -> Iterator[str]:
    """Two rows that name as much, can both hold for one key, and of which no third row, that names what both name,
    takes the decision."""
    named = {_names(row) for row in rows}
    for first, second in combinations(rows, 2):
        both = _meet(_names(first), _names(second))
        if both is None or _weight(first) != _weight(second) or _names(first) == _names(second) or both in named:
            continue
        keys = ", ".join(f"{column} {value}" for column, value in zip(NAMED, both, strict=True) if value != ANY)
        yield f"{place('variance_tolerances', first, second)}: two answers for {keys}; add the row that names all of it"


def _names(row: Row) -> Names:
    return tuple(row[column] for column in NAMED)


def _weight(row: Row) -> int:
    return sum(value != ANY for value in _names(row))


def _meet(first: Names, second: Names) -> Names | None:
    """What a key must be for both to hold; None when there is no such key."""
    met = []
    for one, other in zip(first, second, strict=True):
        if ANY not in (one, other) and one != other:
            return None
        met.append(other if one == ANY else one)
    return tuple(met)
