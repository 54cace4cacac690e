"""The decisions of a scenario, as the product stores them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from syncline.decisions import Decision, WriteOff
from syncline.decisions.write_offs import FEED, OPERATOR, READING, as_written
from syncline.scenario.read import Scenario

Row = tuple[Any, ...]


def as_decisions(scenario: Scenario) -> list[Decision]:
    """Who decides has seen what was received by then: a ``keep`` answers what was told beside its telling so far."""
    return [_decision(scenario, entry) for entry in scenario.decisions]


def operator_rows(decision: Decision) -> list[Row]:
    """The row of ``raw.facts`` that a write-off lands as (without its load); the fact has the decision's id."""
    w = decision.write_off
    if w is None:
        return []
    name = decision.decision_id
    return [(
        name, f"decision {name}", "decision", OPERATOR, FEED, READING, decision.at, "movement", w.item, w.location,
        w.measure, w.lot, w.uom, str(w.quantity), as_written(w.recorded), name, w.event_key, 1,
        False, None, False, None, None, None, None, None, None, None,
    )]  # fmt: skip


def _decision(scenario: Scenario, entry: dict[str, Any]) -> Decision:
    spaced, kind = scenario.spaced, entry["kind"]
    name, at = spaced(str(entry["id"])), datetime.fromisoformat(entry["decided_at"])
    said = (name, kind, entry["by"], at, entry["why"])
    if kind == "keep":
        answers = tuple(spaced(fact) for fact in _seen_beside(scenario, entry["fact"], at))
        return Decision(*said, fact_id=spaced(str(entry["fact"])), answers=answers)
    if kind == "accept":
        return Decision(*said, answers=tuple(spaced(str(fact)) for fact in entry["facts"]))
    item = entry["item"]
    uom = entry.get("uom") or (scenario.network["items"].get(item) or {}).get("base_uom", "EA")
    recorded = datetime.fromisoformat(entry["recorded"])
    event_key = str(entry.get("event_key", f"decision/{entry['id']}"))
    write_off = WriteOff(
        spaced(item), spaced(entry["location"]), entry["measure"], entry.get("lot"), uom, int(entry["quantity"]),
        recorded, event_key,
    )  # fmt: skip
    return Decision(*said, write_off=write_off)


def _seen_beside(scenario: Scenario, kept: str, at: datetime) -> list[str]:
    """Other facts of its line (any revision) and of its event that were received by ``at``."""
    told = {str(fact["id"]): fact for fact in scenario.facts}
    seen = {str(fact["id"]) for fact in scenario.facts if datetime.fromisoformat(fact["received_at"]) <= at}
    if kept not in told:
        return []
    line, event = _line(told[kept]), _event(told[kept])
    return sorted(
        name
        for name, fact in told.items()
        if name != kept and name in seen and (_line(fact) == line or (event is not None and _event(fact) == event))
    )


def _line(fact: dict[str, Any]) -> tuple[str, ...]:
    return (fact["source"], str(fact.get("line_key", fact["id"])), fact["location"], fact["measure"])


def _event(fact: dict[str, Any]) -> tuple[str, ...] | None:
    if fact["kind"] != "movement":
        return None
    key = str(fact.get("event_key", f"{fact['source']}/{fact.get('line_key', fact['id'])}"))
    return (key, fact["location"], fact["measure"])
