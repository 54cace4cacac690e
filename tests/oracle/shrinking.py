"""Make a failing case small: drop what is not needed for warehouse and oracle to disagree.

Every round tries all smaller cases of one step side by side in one dbt run, so a case of ten facts needs a dozen runs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Case = dict[str, Any]
# Facts without these are as good as with them; the format has a default for each.
OPTIONAL = ("lot", "sequence", "cancel", "revision", "event_key", "line_key", "test")
ROUNDS_MAX = 60


def shrink(case: Case, fails: Callable[[Sequence[Case]], Sequence[bool]], rounds: int = ROUNDS_MAX) -> Case:
    """The smallest case found by dropping one thing after the other; ``fails`` judges many at once."""
    for _ in range(rounds):
        smaller = list(_smaller(case))
        if not smaller:
            break
        failing = [each for each, still in zip(smaller, fails(smaller), strict=True) if still]
        if not failing:
            break
        case = failing[0]
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with one thing less, what tells most first: facts, then rules and settings, then fields of facts."""
    yield from _fewer_facts(case)
    yield from _smaller_networks(case)
    facts = case["facts"]
    for index, fact in enumerate(facts):
        for name in OPTIONAL:
            if name in fact:
                plain = {k: v for k, v in fact.items() if k != name}
                yield _with(case, facts=[*facts[:index], plain, *facts[index + 1 :]])


def _fewer_facts(case: Case) -> Iterator[Case]:
    facts = case["facts"]
    for half in (facts[: len(facts) // 2], facts[len(facts) // 2 :]):
        if 2 <= len(half) < len(facts) - 1:
            yield _with(case, facts=half)
    for index in range(len(facts)):
        if len(facts) > 1:
            yield _with(case, facts=facts[:index] + facts[index + 1 :])


def _smaller_networks(case: Case) -> Iterator[Case]:
    network = case["network"]
    rules, sources = network["ownership"], network["sources"]
    used = {fact["source"] for fact in case["facts"]}
    if sources.keys() - used:
        spoken = [rule for rule in rules if rule["source"] in used]
        heard = {name: value for name, value in sources.items() if name in used}
        yield _with(case, network={**network, "ownership": spoken, "sources": heard})
    for index in range(len(rules)):
        yield _with(case, network={**network, "ownership": rules[:index] + rules[index + 1 :]})
    for name, value in sources.items():
        for setting in ("clock_skew_s", "lag_s", "timezone"):
            if value.get(setting):
                plain = {k: v for k, v in value.items() if k != setting}
                yield _with(case, network={**network, "sources": {**sources, name: plain}})


def _with(case: Case, **values: Any) -> Case:
    return copy.deepcopy({**case, **values})
