"""Which rule answers, and that no limit is ever passed: whatever stands, in whatever order it was found."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncline.compensation.model import Case, Mode, Rule
from syncline.compensation.planning import Spent, answering, plan

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def rule(name: str = "r", **more: Any) -> Rule:
    limits = {"wait_s": 0, "key_units": 10, "key_value": 10_000, "run_keys": 3, "run_units": 20, "day_units": 30}
    names = dict.fromkeys(("cause_class", "cause", "location", "item_class"), "*")
    said = {"finding": "discrepancy", "action": "accept", "mode": "live"}
    return Rule(**{"rule": name, **names, **said, **limits, "again_s": 3600, **more})


def case(number: int = 1, **more: Any) -> Case:
    said: dict[str, Any] = {
        "finding": "discrepancy", "subject": f"SKU-{number}/DC1/on_hand", "since": NOW - timedelta(hours=2),
        "exception_id": number, "item": f"SKU-{number}", "location": "DC1", "measure": "on_hand", "lot": "",
        "target": None, "source": "acme_3pl", "event_key": None, "item_class": "A", "units": -4, "value": 400,
        "cause_class": "partner", "cause": "misstated", "detail": "off", "evidence": (f"fact:{number}",), "fault": None,
    }  # fmt: skip
    return Case(**{**said, **more})


def states(*cases: Case, rules: list[Rule] | None = None, **more: Any) -> list[tuple[str | None, str | None]]:
    values: dict[str, Any] = {"spent": Spent(), "blocked": {}, "now": NOW} | more
    return [(each.state, each.reason) for each in plan(cases, rules or [rule()], **values)]


def test_the_rule_that_names_most_answers() -> None:
    wide, narrow = rule("wide"), rule("narrow", cause="misstated", cause_class="partner")
    assert answering(case(), [wide, narrow]) is narrow
    assert answering(case(cause="stale document"), [wide, narrow]) is wide
    assert answering(case(cause=None, cause_class=None), [narrow]) is None
    assert answering(case(finding="books.variance"), [wide]) is None


@pytest.mark.parametrize(
    ("mode", "state", "reason"),
    [("live", "applied", None), ("approve", "waiting", "its rule asks first"), ("dry run", "dry run", None)],
)
def test_a_mode_says_who_acts(mode: Mode, state: str, reason: str | None) -> None:
    assert states(case(), rules=[rule(mode=mode)]) == [(state, reason)]


def test_a_rule_that_is_off_proposes_nothing() -> None:
    assert states(case(), rules=[rule(mode="off")]) == []


@pytest.mark.parametrize(
    ("limits", "more", "ok"),
    [
        ({"key_units": 4}, {}, True), ({"key_units": 3}, {}, False),
        ({"key_value": 400}, {}, True), ({"key_value": 399}, {}, False),
        ({"run_units": 4}, {}, True), ({"run_units": 3}, {}, False),
        ({"day_units": 4}, {}, True), ({"day_units": 3}, {}, False),
        ({"run_keys": 1}, {}, True), ({"run_keys": 0}, {}, False),
        ({"wait_s": 7200}, {}, True),
        ({}, {"fault": "it may be only late"}, False),
    ],
)  # fmt: skip
def test_limits_hold_to_the_unit(limits: dict[str, Any], more: dict[str, Any], ok: bool) -> None:
    ((state, reason),) = states(case(**more), rules=[rule(**limits)])
    assert (state == "applied", reason is None) == (ok, ok)


def test_what_does_not_stand_long_enough_or_stands_behind_a_breaker_is_not_even_proposed() -> None:
    assert states(case(), rules=[rule(wait_s=7201)]) == [(None, "stands only since 2026-11-02 10:00:00")]
    assert states(case(), blocked={"DC1": "snapshot.flood"}) == [(None, "snapshot.flood stands there")]
    assert states(case(), blocked={"*": "gate.critical"}) == [(None, "gate.critical stands there")]
    assert states(case(), blocked={"DC2": "snapshot.flood"}) == [("applied", None)]


def test_a_key_is_not_answered_twice_in_its_span_and_never_again_once_a_person_took_it_back() -> None:
    at = NOW - timedelta(seconds=3599)
    spent = Spent(last={("r", case().key): at})
    assert states(case(), spent=spent)[0][0] == "waiting"
    assert states(case(), spent=Spent(last={("r", case().key): at - timedelta(seconds=1)})) == [("applied", None)]
    back = Spent(taken_back={("r", case().key)})
    assert states(case(), spent=back) == [("waiting", "a person took back what the rule did for the key")]
    assert states(case(), spent=Spent(decided={case().identity(rule())})) == [], "a person ended it"


def test_what_comes_back_or_changes_is_another_compensation() -> None:
    one = case().identity(rule())
    assert case().identity(rule()) == one == replace(case(), detail="said anew", exception_id=9).identity(rule())
    others = [replace(case(), since=NOW), replace(case(), units=-5), replace(case(), evidence=("fact:2",))]
    assert len({one, *(other.identity(rule()) for other in others)}) == 4


@pytest.mark.parametrize("seed", range(40))
def test_nothing_passes_a_limit_and_the_order_of_finding_means_nothing(seed: int) -> None:
    chance = random.Random(seed)
    rules = [
        rule(f"r{number}", cause=cause, mode=chance.choice(["live", "approve", "dry run", "live"]),
             key_units=chance.randint(1, 9), key_value=chance.randint(100, 900), run_keys=chance.randint(0, 6),
             run_units=chance.randint(0, 30), day_units=chance.randint(0, 60), wait_s=chance.choice([0, 3600, 9000]))
        for number, cause in enumerate(["misstated", "stale document", "*"])
    ]  # fmt: skip
    cases = [
        case(number, units=chance.choice([-1, 1]) * chance.randint(0, 12), value=chance.randint(0, 1000),
             cause=chance.choice(["misstated", "stale document", "count", None]),
             location=chance.choice(["DC1", "DC2", "DC3"]), fault=chance.choice([None, None, None, "not sure"]))
        for number in range(chance.randint(0, 40))
    ]  # fmt: skip
    day = Counter({each.rule: chance.randint(0, 20) for each in rules})
    blocked = {"DC3": "snapshot.flood"} if chance.random() < 0.5 else {}
    planned = plan(cases, rules, Spent(day_units=Counter(day)), blocked, NOW)
    shuffled = chance.sample(cases, len(cases))
    assert planned == plan(shuffled, rules, Spent(day_units=Counter(day)), blocked, NOW), f"seed {seed}"
    assert len(planned) == len(cases) == len({each.compensation_id for each in planned}), (
        f"seed {seed}: all accounted for"
    )
    done = defaultdict(list)
    for each in planned:
        if each.state == "applied":
            done[each.rule.rule].append(each)
            assert each.rule.mode == "live"
            assert each.case.fault is None
            assert each.case.location not in blocked
            assert abs(each.case.units) <= each.rule.key_units
            assert each.case.value <= each.rule.key_value
    for name, each in done.items():
        of = each[0].rule
        units = sum(abs(one.case.units) for one in each)
        assert len(each) <= of.run_keys, f"seed {seed}: {name}"
        assert units <= of.run_units, f"seed {seed}: {name}"
        assert units + day[name] <= of.day_units or units == 0, f"seed {seed}: {name}"
