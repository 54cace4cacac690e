"""Compensation rules must be able to do what they say, and answer every finding in one way (ADR 0033)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from syncline.compensation.model import ANY, ASK, FINDINGS
from syncline.config.files import place
from syncline.config.tables import Row, Rows

NAMED = ("cause_class", "cause", "location", "item_class")
CLASSES = ("architecture", "operations", "partner", ANY)


def compensation_faults(rows: Rows) -> Iterator[str]:
    """Actions that nothing proves, names that nobody defined, causes where none is known, two answers for a finding."""
    rules = rows["compensation_rules"]
    known = {
        "location": {row["location"] for row in rows["locations"]} | {ANY},
        "item_class": {row["item_class"] for row in rows["items"]} | {ANY},
        "cause_class": set(CLASSES),
    }
    findings = {row["rule"] for row in rows["exception_rules"]} | FINDINGS.keys()
    for row in rules:
        yield from _impossible(row, findings)
        for column, names in known.items():
            if row[column] not in names:
                yield f"{place('compensation_rules', row)}: {column} {row[column]!r} is not defined"
    yield from _rivals(rules)


def _impossible(row: Row, findings: set[str]) -> Iterator[str]:
    where, finding, action = place("compensation_rules", row), row["finding"], row["action"]
    if finding not in findings:
        yield f"{where}: finding {finding!r} is no rule of exception_rules.csv, and none of {', '.join(FINDINGS)}"
    elif action == ASK and finding == "transfer_short":
        yield f"{where}: a transfer names no partner to ask; it can only be written off"
    elif action not in (ASK, FINDINGS.get(finding)):
        can = FINDINGS.get(finding)
        yield f"{where}: nothing proves that {finding} can be answered by {action}; {can + ' or ' if can else ''}{ASK}"
    if finding != "discrepancy" and (row["cause"], row["cause_class"]) != (ANY, ANY):
        yield f"{where}: only a discrepancy has a cause; write * for cause and cause_class"


def _rivals(rules: list[Row]) -> Iterator[str]:
    """Two rules that name as much and can both hold, and no third one that names what both name."""
    named = {(row["finding"], *(row[column] for column in NAMED)) for row in rules}
    for first, second in combinations(rules, 2):
        one, other = ([row[column] for column in NAMED] for row in (first, second))
        if first["finding"] != second["finding"] or one.count(ANY) != other.count(ANY):
            continue
        both = [b if a == ANY else a for a, b in zip(one, other, strict=True)]
        can_meet = all(ANY in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))
        if can_meet and (one == other or (first["finding"], *both) not in named):
            yield f"{place('compensation_rules', first, second)}: two rules answer one {first['finding']}"
