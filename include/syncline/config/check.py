"""Questions a configuration must answer in one way, asked before any of it is applied (semantics §3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise

from syncline.config.compensations import compensation_faults
from syncline.config.files import place, refuse
from syncline.config.globs import can_meet, namespace, specificity
from syncline.config.spans import bound, overlap
from syncline.config.tables import NUMBERS, TABLES, UNNAMED, Row, Rows, heeded_rules
from syncline.config.variances import variance_faults

ANY = "*"


def check(rows: Rows) -> None:
    """Raise one ``ConfigurationError`` that lists every fault found, with the lines of rows that files hold."""
    if faults := list(find_faults(rows)):
        refuse(faults)


def find_faults(rows: Rows) -> Iterator[str]:
    """Every question that ``rows`` answer in two ways or in none."""
    yield from _repeated_keys(rows)
    yield from _unknown_names(rows)
    yield from _backwards(rows)
    yield from _overlaps(rows, "item_crosswalk", ("source", "item_ref"))
    yield from _overlaps(rows, "location_crosswalk", ("source", "location_ref"))
    yield from _overlaps(rows, "unit_factors", ("item", "uom"))
    yield from _rivals(rows)
    yield from _reserved(rows)
    yield from _two_numbers(rows)
    yield from _shared_references(rows)
    yield from _two_owners(rows)
    yield from variance_faults(rows)
    yield from compensation_faults(rows)


def _repeated_keys(rows: Rows) -> Iterable[str]:
    for name, table in TABLES.items():
        seen: dict[tuple[object, ...], Row] = {}
        for row in rows[name]:
            key = tuple(row[column] for column in table.key)
            if key in seen:
                yield f"{place(name, seen[key], row)}: {key} stands twice"
            seen[key] = row


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
        "target_items": ("item",),
        "target_locations": ("location",),
    }
    for name, columns in wanted.items():
        for row in rows[name]:
            for column in columns:
                value = row[column]
                if value not in known[column] and not (column == "source" and value == ANY):
                    yield f"{place(name, row)}: {column} {value!r} is not defined{_known(known[column])}"


def _known(names: set[str]) -> str:
    shown = sorted(names - {ANY})
    return f"; known are {', '.join(shown)}" if 0 < len(shown) <= 12 else ""


def _backwards(rows: Rows) -> Iterable[str]:
    for name in ("item_crosswalk", "location_crosswalk", "unit_factors", "ownership_rules"):
        for row in rows[name]:
            if bound(row["valid_from"]) >= bound(row["valid_to"]):
                key = tuple(row[column] for column in TABLES[name].key)
                yield f"{place(name, row)}: {key} ends at {row['valid_to']}, not after it begins"


def _overlaps(rows: Rows, name: str, key: tuple[str, ...]) -> Iterable[str]:
    spans: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows[name]:
        spans[tuple(row[column] for column in key)].append(row)
    for value, group in spans.items():
        group.sort(key=lambda row: bound(row["valid_from"]))
        for first, second in pairwise(group):
            if overlap(first, second):
                yield f"{place(name, first, second)}: {value} has two answers from {second['valid_from']}"


def _rivals(rows: Rows) -> Iterable[str]:
    """Two rules of one level, at one time, for one place and class: two primaries, or two answers for one source.

    Patterns are compared as patterns, not against the locations known today: ``DC*`` and ``*1`` are refused before
    somebody opens DC1. A channel's rule answers nothing: it observes, whatever the rule says.
    """
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in heeded_rules(rows):
        where = row["location"]
        groups[(row["measure"], row["item_class"], namespace(where), specificity(where))].append(row)
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
            yield f"{place('ownership_rules', first, second)}: {measure} at {places} class {item_class} has {what}"


def _reserved(rows: Rows) -> Iterable[str]:
    """What people decide lands as facts of `operator` (ADR 0014): no system may speak in that name."""
    for row in rows["sources"]:
        if row["source"] == "operator":
            yield f"{place('sources', row)}: the name 'operator' is reserved for decisions"
    for name, column in (("items", "item"), ("locations", "location")):
        for row in rows[name]:
            if row[column].startswith(UNNAMED):
                mark = f"begins with {UNNAMED!r}, which marks what is unnamed"
                yield f"{place(name, row)}: {column} {row[column]!r} {mark}"


def _shared_references(rows: Rows) -> Iterable[str]:
    """Two names that share a reference would share its number: each would undo what the other one sets."""
    for name, column in (("target_items", "item"), ("target_locations", "location")):
        seen: dict[tuple[str, str], Row] = {}
        for row in rows[name]:
            other = seen.setdefault((row["target"], row["ref"]), row)
            if other[column] != row[column]:
                both = f"{other[column]!r} and {row[column]!r}"
                yield f"{place(name, other, row)}: {both} share the reference {row['ref']!r} of {row['target']}"


def _two_owners(rows: Rows) -> Iterable[str]:
    """A place asks one person of a team: two patterns of one level must not meet (ADR 0029)."""
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows["owners"]:
        groups[(row["team"], specificity(row["location"]))].append(row)
    for (team, _), group in groups.items():
        for first, second in combinations(group, 2):
            if first["location"] != second["location"] and can_meet(first["location"], second["location"]):
                both = f"{first['location']} and {second['location']}"
                yield f"{place('owners', first, second)}: {team} has two owners where {both} meet"


def _two_numbers(rows: Rows) -> Iterable[str]:
    """A target keeps one number for a key: the books, or what is available."""
    first: dict[str, Row] = {}
    for row in rows["subscriptions"]:
        if row["event"] in NUMBERS:
            other = first.setdefault(row["subscriber"], row)
            if other["event"] != row["event"]:
                yield (
                    f"{place('subscriptions', other, row)}: {row['subscriber']} subscribes to {other['event']} and to "
                    f"{row['event']}, but shows one number"
                )
