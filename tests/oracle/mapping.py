"""Configuration rows and raw tellings as the scenario that the oracle reads: codes mapped at the fact's own time.

Written from the semantics page alone, like the rest of the oracle; it shares no code with the product.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.reading import FOREVER, micros, written

NOWHERE = "nowhere"  # a location, item or measure that no configuration knows


def as_scenario(rows: dict[str, list[dict[str, Any]]], told: list[Any]) -> dict[str, Any]:
    """``rows`` by table as ``config apply`` takes them; ``told`` have the columns of ``raw.facts``."""
    network = {
        "sources": {row["source"]: row for row in rows["sources"]},
        "locations": {row["location"]: row for row in rows["locations"]},
        "items": {row["item"]: {**row, "units": {}} for row in rows["items"]},
        "ownership": [
            {**row, **{name: _bound(row[name]) for name in ("valid_from", "valid_to")}}
            for row in rows["ownership_rules"]
        ],
    }
    for row in rows["unit_factors"]:
        network["items"][row["item"]]["units"].setdefault(row["uom"], []).append(
            {"factor": f"{row['factor_num']}/{row['factor_den']}", "valid_from": _bound(row["valid_from"]),
             "valid_to": _bound(row["valid_to"])}
        )  # fmt: skip
    return {"network": network, "facts": [_fact(rows, network, telling) for telling in told]}


def _bound(value: str) -> str | None:
    return None if value in ("-infinity", "infinity") else value


def _fact(rows: dict[str, list[dict[str, Any]]], network: dict[str, Any], t: Any) -> dict[str, Any]:
    source, first = network["sources"][t.source], t.recorded.split("/")[0]
    wall = first.removesuffix("Z").removesuffix("-05:00")
    at = micros(datetime.fromisoformat(wall).replace(tzinfo=UTC))
    location = _named(rows["location_crosswalk"], t.source, "location_ref", t.location_ref, "location", at)
    zone = source.get("timezone") or (network["locations"][location]["timezone"] if location else None)
    said = written(first, ZoneInfo(zone or "UTC")) if zone or first != wall else None
    # Without a place there is no fact to read, whatever else is known of it.
    item = _named(rows["item_crosswalk"], t.source, "item_ref", t.item_ref, "item", said[0]) if said else None
    measures = {row["source"]: row["measure"] for row in rows["status_crosswalk"] if row["status_ref"] == t.status_ref}
    measure = measures.get(t.source, measures.get("*"))
    return {
        "id": t.fact_id, "source": t.source, "kind": t.kind, "item": item or NOWHERE,
        "location": location or NOWHERE if measure else NOWHERE, "measure": measure or NOWHERE,
        "quantity": t.quantity, "uom": t.uom, "lot": t.lot, "received_at": t.received_at,
        "recorded": dict(zip(("from", "to"), t.recorded.split("/"), strict=True)) if "/" in t.recorded else t.recorded,
        "line_key": t.line_key, "event_key": t.event_key, "revision": t.revision, "cancel": t.cancel,
        "sequence": t.sequence, "test": t.is_test,
    }  # fmt: skip


def _named(table: list[dict[str, Any]], source: str, ref: str, code: str, name: str, at: int) -> str | None:
    """What ``code`` means at an instant: the source's own entry first, then the one of every source."""
    for speaker in (source, "*"):
        for row in table:
            if (
                row["source"] == speaker
                and row[ref] == code
                and _start(row["valid_from"]) <= at < _end(row["valid_to"])
            ):
                return str(row[name])
    return None


def _start(value: str) -> int:
    return -FOREVER if value == "-infinity" else micros(datetime.fromisoformat(value))


def _end(value: str) -> int:
    return FOREVER if value == "infinity" else micros(datetime.fromisoformat(value))
