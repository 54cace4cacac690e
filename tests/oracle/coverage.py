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
LEAST: dict[str, int] = {
    "disposition: absorbed": 2_200,
    "disposition: applied": 7_500,
    "disposition: confirmed": 270,
    "disposition: conflict": 790,
    "disposition: contradicted": 170,
    "disposition: duplicate": 260,
    "disposition: not_owner": 4_400,
    "disposition: quarantined": 2_400,
    "disposition: stale": 130,
    "disposition: superseded": 420,
    "disposition: test": 290,
    "fact: at lot grain": 1_100,
    "fact: available": 220,
    "fact: consigned": 170,
    "fact: cut at its receipt": 2_800,
    "fact: cut to a point at its receipt": 700,
    "fact: damaged": 400,
    "fact: in a repeated hour": 70,
    "fact: of a day": 1_400,
    "fact: of a day of 23 hours": 40,
    "fact: of a day of 23.5 hours": 20,
    "fact: of a day of 24.5 hours": 10,
    "fact: of a day of 25 hours": 50,
    "fact: of a lot": 1_800,
    "fact: quarantined": 150,
    "fact: received before it began, inside its skew": 500,
    "fact: received twice": 920,
    "fact: written off": 180,
    "fact: written from, to": 2_500,
    "ledger: movement": 3_300,
    "ledger: opening": 3_100,
    "ledger: reconciling": 1_500,
    "reason: before_primary": 50,
    "reason: cancel_without_revision": 30,
    "reason: cancelled": 50,
    "reason: coarser_than_grain": 50,
    "reason: derived_measure": 20,
    "reason: finer_than_grain": 50,
    "reason: in_future": 50,
    "reason: in_flight": 14,
    "reason: inside_base": 50,
    "reason: later_revision": 50,
    "reason: lot_missing": 50,
    "reason: movement_of_available": 20,
    "reason: non_integral_quantity": 20,
    "reason: observer": 50,
    "reason: revision_of_other_stock": 20,
    "reason: same_event": 50,
    "reason: same_line": 50,
    "reason: secondary_movement": 50,
    "reason: skipped_hour": 20,
    "reason: test_indicator": 50,
    "reason: undecided": 50,
    "reason: unknown_source": 20,
    "reason: unmapped_item": 50,
    "reason: unmapped_location": 20,
    "reason: unmapped_measure": 20,
    "reason: unmapped_unit": 50,
    "rule: §1 several unit factors": 30,
    "rule: §1 several unit factors of a movement": 35,
    "rule: §2 a sequence is contradicted": 160,
    "rule: §2 a sequence orders a pair": 290,
    "rule: §2 skew or lag leaves a pair unordered": 980,
    "rule: §4 a line is told as two kinds": 10,
    "rule: §4 a movement is revised": 140,
    "rule: §4 a movement is revised out of order": 60,
    "rule: §4 a movement is taken back": 30,
    "rule: §4 a report is cancelled": 300,
    "rule: §4 a report is revised": 70,
    "rule: §4 a report is revised out of order": 50,
    "rule: §4 a revised movement names other stock": 30,
    "rule: §4 a revised report names other stock": 30,
    "rule: §4 a secondary is newer": 520,
    "rule: §4 another source contradicts an event": 160,
    "rule: §4 another source has not heard of a revision": 10,
    "rule: §4 another source tells an event": 70,
    "rule: §4 the better role is kept, heard later": 90,
    "rule: §4 the first received stands in": 260,
    "rule: §5 a lag frees a set": 100,
    "rule: §5 a primary wins a tie": 8,
    "rule: §5 a statement has several positions": 1_800,
    "rule: §5 an entry reconciles": 1_000,
    "rule: §5 closure bars a set": 320,
    "rule: §5 k* is one of several that match": 390,
    "rule: §5 k* is the last of equally many": 30,
    "rule: §5 no position matches": 270,
    "rule: §5 the balance is negative": 820,
    "rule: §5 the bounds are apart": 880,
    "rule: §5 the bounds are wider than the base alone": 250,
    "rule: §5 the last in order is before another": 20,
    "rule: §5 there are too many positions": 20,
    "rule: §5 there is no base": 1_200,
    "rule: §6 P inside Q bars a pair": 210,
    "rule: §6 Q inside P bars a pair": 1_300,
    "rule: §6 a match is decided": 530,
    "rule: §6 a match is undecided": 720,
    "rule: §6 compared with the first applied, which is later": 460,
    "rule: §6 several facts in flight explain": 8,
    "rule: §6 the hull holds 0, the set does not": 100,
    "verdict: delay": 65,
    "verdict: discrepancy": 1_300,
    "verdict: incomparable": 4_300,
    "verdict: match": 1_200,
}


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
            # What a person wrote off is a fact that nobody told.
            names += _times(fact, entries[fact.id][0]["recorded"]) if fact.id in entries else ["written off"]
            names += ["of a lot"] if fact.named else []
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
