"""Which compensation rules are refused before any of them is applied."""

from __future__ import annotations

from typing import Any

import pytest

from syncline.config import read_folder
from syncline.config.compensations import compensation_faults
from syncline.home import project_root

ROWS = read_folder(project_root() / "dbt_project" / "seeds")
RULE = next(row for row in ROWS["compensation_rules"] if row["rule"] == "their-number-was-wrong")

NO_CAUSE = {"cause": "*", "cause_class": "*"}


def faults(*changes: dict[str, Any]) -> list[str]:
    rules = [{**RULE, "rule": f"r{number}", **change} for number, change in enumerate(changes)]
    return [fault.partition(": ")[2] for fault in compensation_faults({**ROWS, "compensation_rules": rules})]


def test_the_shipped_rules_are_fine_and_do_nothing_yet() -> None:
    assert list(compensation_faults(ROWS)) == []
    assert {row["mode"] for row in ROWS["compensation_rules"]} == {"dry run"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"finding": "nonsense", **NO_CAUSE}, "finding 'nonsense' is no rule of exception_rules.csv"),
        ({"action": "write off"}, "nothing proves that discrepancy can be answered by write off; accept"),
        ({"finding": "conflict", **NO_CAUSE}, "nothing proves that conflict can be answered by accept"),
        ({"finding": "transfer_short", "action": "ask partner", **NO_CAUSE}, "a transfer names no partner to ask"),
        ({"finding": "balance_gap", "action": "ask partner"}, "only a discrepancy has a cause"),
        ({"location": "DC9"}, "location 'DC9' is not defined"),
        ({"item_class": "Q"}, "item_class 'Q' is not defined"),
        ({"cause_class": "weather"}, "cause_class 'weather' is not defined"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_do_what_it_says_is_refused(change: dict[str, Any], told: str) -> None:
    (found,) = faults(change)
    assert found.startswith(told)


def test_two_rules_that_name_as_much_are_refused_unless_a_third_decides() -> None:
    here, klass = {"cause": "*", "location": "DC1"}, {"cause": "*", "item_class": "A"}
    assert faults(here, klass) == ["two rules answer one discrepancy"]
    assert faults(here, klass, {"cause": "*", "location": "DC1", "item_class": "A"}) == []
    assert faults(here, here) == ["two rules answer one discrepancy"]
    assert faults(here, {"cause": "*", "location": "DC2"}) == []
    assert faults(here, {}) == ["two rules answer one discrepancy"], "as many names, and both can hold"
