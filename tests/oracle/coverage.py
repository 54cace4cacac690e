"""How often generated cases reach each disposition, reason, verdict and rule: a generator that stops making something
proves nothing about it, and turns red.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.oracle.reading import SECOND, Fact, read_facts
from tests.oracle.rules import Answer

from syncline.scenario import Outcome

HOUR = 3600 * SECOND

# What 10,000 cases must reach at least; about a third of what they reach today.
LEAST: dict[str, int] = {}


def count(case: dict[str, Any], wanted: Answer, outcome: Outcome) -> Counter[str]:
    """``group: name`` -> occurrences in one case. Reasons are the product's, everything else is the oracle's."""
    found: Counter[str] = Counter(f"disposition: {name}" for name in wanted.dispositions.values())
    found.update(f"verdict: {verdict}" for verdict, _ in wanted.verdicts.values())
    found.update(f"ledger: {row['entry']}" for row in wanted.ledger)
    found.update(f"reason: {each['reason']}" for each in outcome.dispositions.values() if each["reason"])
    found.update({f"rule: {name}": times for name, times in wanted.rules.items()})
    found.update(f"fact: {name}" for name in _facts(case))
    return found


def _facts(case: dict[str, Any]) -> list[str]:
    entries: dict[str, list[dict[str, Any]]] = {}
    for entry in case["facts"]:
        entries.setdefault(entry["id"], []).append(entry)
    names = [name for receipts in entries.values() if len(receipts) > 1 for name in ["received twice"]]
    for fact in read_facts(case).values():
        if isinstance(fact, Fact):
            names += _times(fact, entries[fact.id][0]["recorded"])
            names += ["of a lot"] if fact.raw_lot else []
            names += ["at lot grain"] if fact.grain == "lot" else []
            names += [fact.measure] if fact.measure != "on_hand" else []
    return names


def _times(fact: Fact, recorded: str | dict[str, str]) -> list[str]:
    length = fact.said[1] - fact.said[0]
    names = []
    if isinstance(recorded, dict):
        names.append("written from, to")
    elif len(recorded) == 10:
        names.append("of a day" if length == 24 * HOUR else f"of a day of {length / HOUR:g} hours")
    elif length > 60 * SECOND:
        names.append("in a repeated hour")
    if fact.end < fact.said[1]:
        names.append("cut to a point at its receipt" if fact.end == fact.start + 1 else "cut at its receipt")
    if fact.received < fact.start:
        names.append("received before it began, inside its skew")
    return names


def table(found: Counter[str]) -> str:
    """Aligned lines ``name  count  least``, by group."""
    names = sorted(found.keys() | LEAST.keys())
    return "\n".join(f"{name:<72} {found[name]:>8,} {LEAST.get(name, 0):>8,}" for name in names)


def missing(found: Counter[str], cases: int) -> list[str]:
    """What came out too seldom for so many cases."""
    return [
        f"{name}: {found[name]}, at least {least * cases // 10_000}"
        for name, least in sorted(LEAST.items())
        if found[name] < least * cases // 10_000
    ]
