"""Questions a configuration must answer in one way, asked before any of it is applied (semantics §3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations, pairwise

from syncline.config.globs import can_meet, namespace, specificity
from syncline.config.spans import bound, overlap
from syncline.config.tables import TABLES, Row, Rows, heeded_rules
from syncline.errors import ConfigurationError

ANY = "*"


def check(rows: Rows) -> None:
    """Raise one ``ConfigurationError`` that lists every fault found."""
    faults = [
        *_repeated_keys(rows),
        *_unknown_names(rows),
        *_backwards(rows),
        *_overlaps(rows, "item_crosswalk", ("source", "item_ref")),
        *_overlaps(rows, "location_crosswalk", ("source", "location_ref")),
        *_overlaps(rows, "unit_factors", ("item", "uom")),
        *_rivals(rows),
        *_reserved(rows),
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


def _backwards(rows: Rows) -> Iterable[str]:
    for name in ("item_crosswalk", "location_crosswalk", "unit_factors", "ownership_rules"):
        for row in rows[name]:
            if bound(row["valid_from"]) >= bound(row["valid_to"]):
                key = tuple(row[column] for column in TABLES[name].key)
                yield f"{name}: {key} ends at {row['valid_to']}, not after it begins"


def _overlaps(rows: Rows, name: str, key: tuple[str, ...]) -> Iterable[str]:
    spans: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows[name]:
        spans[tuple(row[column] for column in key)].append(row)
    for value, group in spans.items():
        group.sort(key=lambda row: bound(row["valid_from"]))
        for first, second in pairwise(group):
            if overlap(first, second):
                yield f"{name}: {value} has two answers from {second['valid_from']}"


def _rivals(rows: Rows) -> Iterable[str]:
    """Two rules of one level, at one time, for one place and class: two primaries, or two answers for one source.

    Patterns are compared as patterns, not against the locations known today: ``DC*`` and ``*1`` are refused before
    somebody opens DC1. A channel's rule answers nothing: it observes, whatever the rule says.
    """
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in heeded_rules(rows):
        place = row["location"]
        groups[(row["measure"], row["item_class"], namespace(place), specificity(place))].append(row)
    for (measure, item_class, _, _), group in groups.items():
        for first, second in combinations(group, 2):
            is_same_source = first["source"] == second["source"]
            if not is_same_source and not first["role"] == second["role"] == "primary":
                continue
            if not overlap(first, second) or not can_meet(first["location"], second["location"]):
                continue
            places = " and ".join(dict.fromkeys((first["location"], second["location"])))
            what = (
                f"two answers for {first['source']}, {first['role']} and {second['role']}"
                if is_same_source
                else f"two primaries, {first['source']} and {second['source']}"
            )
            yield f"ownership_rules: {measure} at {places} class {item_class} has {what}"


def _reserved(rows: Rows) -> Iterable[str]:
    """What people decide lands as facts of `operator` (ADR 0014): no system may speak in that name."""
    if any(row["source"] == "operator" for row in rows["sources"]):
        yield "sources: the name 'operator' is reserved for decisions"
