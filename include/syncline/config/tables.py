"""The configuration tables: columns and their types."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from syncline.compensation.model import MODES
from syncline.errors import ConfigurationError
from syncline.exceptions.model import RESOLUTIONS, SEVERITIES, TEAMS

# What a stock target may subscribe to: one number for a key, so one of the two (ADR 0025).
NUMBERS = ("books", "available")
MEASURES = ("on_hand", "allocated", "damaged", "quarantined", "in_transit", "consigned")
# What is released to be picked: sources tell it, nothing keeps a balance of it (semantics §11).
PROVISIONAL = "provisional"
# What books compare: on hand without what belongs to others (semantics §8). No source tells it as stock.
FINANCIAL = "financial"
# How much a channel minds a wrong number, the most first.
CRITICALITY = ("high", "normal", "low")
# Above the first of a pair a variance opens, at or below the second it closes (ADR 0030).
LIMITS = ("open_units", "close_units", "open_permille", "close_permille", "open_value", "close_value")
Row = dict[str, Any]
Rows = dict[str, list[Row]]


def _text(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def _optional(value: str) -> str | None:
    return value or None


WHOLE = re.compile(r"[0-9]{1,15}")


def _count(value: str) -> int:
    if not WHOLE.fullmatch(value):
        raise ValueError("is no whole number, 0 or above, of up to 15 digits")
    return int(value)


def _above_zero(value: str) -> int:
    if _count(value) == 0:
        raise ValueError("is not above 0")
    return int(value)


def _optional_count(value: str) -> int | None:
    return _count(value) if value else None


def _part_of_a_fraction(value: str) -> int:
    """A unit factor is exact: a third is 1 over 3, and what no fraction says is no factor."""
    if not WHOLE.fullmatch(value) or int(value) == 0:
        raise ValueError(
            "is no whole number above 0: a factor is the fraction factor_num over factor_den, a third is 1 and 3"
        )
    return int(value)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"is not one of {', '.join(repr(word) for word in allowed)}")
        return value

    return parse


# Reads the zone folders of the system: once is enough.
_zones = cache(available_timezones)


def _zone(value: str) -> str:
    if value not in _zones():
        raise ValueError("is not an IANA time zone")
    ZoneInfo(value)
    return value


def _optional_zone(value: str) -> str | None:
    return _zone(value) if value else None


def _utc(instant: datetime) -> str:
    """One text for one instant, so that texts compare as instants do."""
    try:
        return instant.astimezone(UTC).isoformat()
    except OverflowError:
        raise ValueError("is no instant of the years 1 to 9999") from None


def _instant(default: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not value:
            return default
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError("has no zone (write 2026-05-04T00:00:00Z)")
        return _utc(instant)

    return parse


def _day(default: str) -> Callable[[str], str]:
    return lambda value: date.fromisoformat(value).isoformat() if value else default


@dataclass(frozen=True)
class Table:
    """One CSV file and the ``ops`` table of the same name. ``key`` identifies a row inside a version."""

    columns: dict[str, Callable[[str], Any]]
    key: tuple[str, ...]
    defaults: dict[str, str]


_SPAN = {"valid_from": _instant("-infinity"), "valid_to": _instant("infinity")}
_SPAN_DEFAULTS = {"valid_from": "", "valid_to": ""}
_DAYS = {"valid_from": _day("-infinity"), "valid_to": _day("infinity")}

TABLES: dict[str, Table] = {
    "sources": Table(
        {
            "source": _text,
            "system": _text,
            "feed": _text,
            "clock_skew_s": _count,
            "lag_s": _count,
            "timezone": _optional_zone,
            "hold_s": _count,
            "sequence": _one_of("", "gap_free"),
        },
        ("source",),
        {"lag_s": "0", "timezone": "", "hold_s": "3600", "sequence": ""},
    ),
    "locations": Table({"location": _text, "timezone": _zone, "region": _text}, ("location",), {}),
    "items": Table(
        {
            "item": _text,
            "base_uom": _text,
            "item_class": _text,
            "unit_value": _count,
            "discontinued_from": _instant("infinity"),
        },
        ("item",),
        {"unit_value": "0", "discontinued_from": ""},
    ),
    "item_crosswalk": Table(
        {"source": _text, "item_ref": _text, "item": _text, **_SPAN},
        ("source", "item_ref", "valid_from"),
        _SPAN_DEFAULTS,
    ),
    "location_crosswalk": Table(
        {"source": _text, "location_ref": _text, "location": _text, **_SPAN},
        ("source", "location_ref", "valid_from"),
        _SPAN_DEFAULTS,
    ),
    "status_crosswalk": Table(
        {"source": _text, "status_ref": _text, "measure": _one_of(*MEASURES, PROVISIONAL, "available")},
        ("source", "status_ref"),
        {},
    ),
    "unit_factors": Table(
        {"item": _text, "uom": _text, "factor_num": _part_of_a_fraction, "factor_den": _part_of_a_fraction, **_DAYS},
        ("item", "uom", "valid_from"),
        {"factor_den": "1", **_SPAN_DEFAULTS},
    ),
    "ownership_rules": Table(
        {
            "measure": _one_of(*MEASURES, PROVISIONAL),
            "location": _text,
            "item_class": _text,
            "source": _text,
            "role": _one_of("primary", "secondary", "observer"),
            "grain": _one_of("item", "lot", "serial", "owner"),
            "movements": _one_of("", "apply"),
            **_SPAN,
        },
        ("measure", "location", "item_class", "source", "valid_from"),
        {"item_class": "*", "grain": "item", "movements": "", **_SPAN_DEFAULTS},
    ),
    "channel_rules": Table(
        {
            "channel": _text,
            "location": _text,
            "item_class": _text,
            "safety_stock": _count,
            "confidence": _one_of("quantity", "low bound"),
            "discontinued": _one_of("", "zero"),
        },
        ("channel", "location", "item_class"),
        {"item_class": "*", "safety_stock": "0", "confidence": "quantity", "discontinued": ""},
    ),
    "tolerances": Table(
        {"target": _text, "item_class": _text, "units_max": _count}, ("target", "item_class"), {"item_class": "*"}
    ),
    "variance_tolerances": Table(
        {
            "location": _text,
            "item_class": _text,
            "criticality": _one_of("*", *CRITICALITY),
            "measure": _one_of("*", *MEASURES, FINANCIAL),
            **dict.fromkeys(LIMITS, _optional_count),
        },
        ("location", "item_class", "criticality", "measure"),
        {"location": "*", "item_class": "*", "criticality": "*", "measure": "*", **dict.fromkeys(LIMITS, "")},
    ),
    "channel_criticality": Table(
        {"channel": _text, "location": _text, "item_class": _text, "criticality": _one_of(*CRITICALITY)},
        ("channel", "location", "item_class"),
        {"location": "*", "item_class": "*"},
    ),
    "subscriptions": Table(
        {
            "subscriber": _text,
            "event": _text,
            "location": _text,
            "item_class": _text,
            "mode": _one_of("live", "shadow", "off"),
            "outside": _one_of("hold", "correct"),
        },
        ("subscriber", "event", "location", "item_class"),
        {"location": "*", "item_class": "*", "mode": "live", "outside": "hold"},
    ),
    "target_items": Table({"target": _text, "item": _text, "ref": _text}, ("target", "item"), {}),
    "target_locations": Table({"target": _text, "location": _text, "ref": _text}, ("target", "location"), {}),
    "exception_rules": Table(
        {
            "rule": _text,
            "team": _one_of(*TEAMS),
            "severity": _one_of(*SEVERITIES),
            "due_s": _above_zero,
            "period_s": _count,
            "action": _text,
        },
        ("rule",),
        {},
    ),
    "compensation_rules": Table(
        {
            "rule": _text,
            "finding": _text,
            "cause_class": _text,
            "cause": _text,
            "location": _text,
            "item_class": _text,
            "action": _one_of(*RESOLUTIONS),
            "mode": _one_of(*MODES),
            "wait_s": _count,
            "key_units": _count,
            "key_value": _count,
            "run_keys": _count,
            "run_units": _count,
            "day_units": _count,
            "again_s": _count,
        },
        ("rule",),
        {"cause_class": "*", "cause": "*", "location": "*", "item_class": "*", "mode": "dry run"},
    ),
    "owners": Table(
        {"team": _one_of(*TEAMS), "location": _text, "owner": _text, "channel": _text},
        ("team", "location"),
        {"location": "*"},
    ),
}

# Begins what a target's reference is called here while nobody has named it: no item or location is called so.
UNNAMED = "?"
NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def heeded_rules(rows: Rows) -> list[Row]:
    """Ownership rules that say something: channels are observers of stock whatever a rule says (semantics §3)."""
    channels = {row["source"] for row in rows["sources"] if row["system"] == "shop"}
    return [row for row in rows["ownership_rules"] if row["source"] not in channels]


def parse_row(table: Table, row: dict[str, Any], place: str) -> Row:
    """One row's text values as the table's types; ``place`` goes into the error."""
    typed: Row = {}
    for name, parse in table.columns.items():
        value = str(row.get(name) if row.get(name) is not None else table.defaults.get(name, "")).strip()
        try:
            if value and not NAME.fullmatch(value):
                raise ValueError("is over 200 characters or has control characters")
            typed[name] = parse(value)
        except ValueError as error:
            raise ConfigurationError(
                f"{place}, column {name}: {value!r} {error}.", next_step="Correct the value.", column=name
            ) from None
    return typed
