"""Questions a configuration must answer in one way, asked before any of it is applied (semantics §3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from syncline.config.tables import TABLES, Row, Rows
from syncline.errors import ConfigurationError

ANY = "*"
PATTERN = set("*?[")


def check(rows: Rows) -> None:
    """Raise one ``ConfigurationError`` that lists every fault found."""
    faults = [
        *_repeated_keys(rows),
        *_unknown_names(rows),
        *_overlaps(rows, "item_crosswalk", ("source", "item_ref")),
        *_overlaps(rows, "location_crosswalk", ("source", "location_ref")),
        *_overlaps(rows, "unit_factors", ("item", "uom")),
        *_rival_primaries(rows),
        *_owning_channels(rows),
    ]
    if faults:
        shown = "; ".join(faults[:20]) + (f"; and {len(faults) - 20} more" if len(faults) > 20 else "")
        raise ConfigurationError(
            f"The configuration was refused: {shown}.", next_step="Correct the CSV files and apply again."
        )


def _repeated_keys(rows: Rows) -> Iterable[str]:
    for name, table in TABLES.items():
        seen: set[tuple[object, ...]] = set()
        for row in rows[name]:
            key = tuple(row[column] for column in table.key)
            if key in seen:
                yield f"{name}: {key} stands twice"
            seen.add(key)


def _unknown_names(rows: Rows) -> Iterable[str]:
    known = {
        "source": {row["source"] for row in rows["sources"]},
        "item": {row["item"] for row in rows["items"]},
        "location": {row["location"] for row in rows["locations"]},
        "item_class": {row["item_class"] for row in rows["items"]} | {ANY},
    }
    wanted = {
        "item_crosswalk": ("source", "item"),
        "location_crosswalk": ("source", "location"),
        "status_crosswalk": ("source",),
        "unit_factors": ("item",),
        "ownership_rules": ("source", "item_class"),
    }
    for name, columns in wanted.items():
        for row in rows[name]:
            for column in columns:
                value = row[column]
                if value not in known[column] and not (column == "source" and value == ANY):
                    yield f"{name}: {column} {value!r} is not defined"


def _overlaps(rows: Rows, name: str, key: tuple[str, ...]) -> Iterable[str]:
    spans: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows[name]:
        spans[tuple(row[column] for column in key)].append(row)
    for value, group in spans.items():
        group.sort(key=lambda row: _start(row["valid_from"]))
        for first, second in pairwise(group):
            if _intersect(first, second):
                yield f"{name}: {value} has two answers from {second['valid_from']}"


def _rival_primaries(rows: Rows) -> Iterable[str]:
    primaries = [row for row in rows["ownership_rules"] if row["role"] == "primary"]
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in primaries:
        groups[(row["measure"], row["location"], row["item_class"])].append(row)
    for (measure, location, item_class), group in groups.items():
        for index, first in enumerate(group):
            for second in group[index + 1 :]:
                if first["source"] != second["source"] and _intersect(first, second):
                    yield (
                        f"ownership_rules: {measure} at {location} class {item_class} has two primaries, "
                        f"{first['source']} and {second['source']}"
                    )


def _owning_channels(rows: Rows) -> Iterable[str]:
    shops = {row["source"] for row in rows["sources"] if row["system"] == "shop"}
    for row in rows["ownership_rules"]:
        if row["source"] in shops and row["role"] != "observer":
            yield f"ownership_rules: channel {row['source']} can only be an observer of stock"


def _start(value: str) -> tuple[int, str]:
    return (0, "") if value == "-infinity" else (1, value)


def _end(value: str) -> tuple[int, str]:
    return (2, "") if value == "infinity" else (1, value)


def _intersect(first: Row, second: Row) -> bool:
    return _start(first["valid_from"]) < _end(second["valid_to"]) and _start(second["valid_from"]) < _end(
        first["valid_to"]
    )
