"""Which rule answers a finding, and what its limits leave: a function of what stands and what was done before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from syncline.compensation.model import ANY, Case, Key, Planned, Rule, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


@dataclass
class Spent:
    """What was done before. Sums are absolute base units, by rule.

    ``run_keys`` and ``run_units``: in this run; ``day_units``: in the 24 hours before now. ``last``: when the rule
    answered a key last. ``taken_back``: keys of which a person rejected or reversed what the rule did.
    ``decided``: compensations that a person ended.
    """

    run_keys: Counter[str] = field(default_factory=Counter)
    run_units: Counter[str] = field(default_factory=Counter)
    day_units: Counter[str] = field(default_factory=Counter)
    last: dict[tuple[str, Key], datetime] = field(default_factory=dict)
    taken_back: set[tuple[str, Key]] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)

    def book(self, rule: Rule, case: Case, at: datetime) -> None:
        """``case`` is done by ``rule``."""
        self.run_keys[rule.rule] += 1
        self.run_units[rule.rule] += abs(case.units)
        self.day_units[rule.rule] += abs(case.units)
        self.last[rule.rule, case.key] = at


def plan(
    cases: Iterable[Case], rules: Sequence[Rule], spent: Spent, blocked: dict[str, str], now: datetime
) -> list[Planned]:
    """What is to be done about each case that a rule names, in an order that is not that of arrival.

    Args:
        spent: is counted up by what is applied.
        blocked: location -> what stands there and lets nothing be done; ``*`` is everywhere.
    """
    planned = []
    for case in sorted(cases, key=lambda each: each.order):
        rule = answering(case, rules)
        if rule is None or rule.mode == "off":
            continue
        name = case.identity(rule)
        if name in spent.decided:
            continue
        stop = _not_yet(case, rule, blocked, now)
        if stop is not None:
            planned.append(Planned(name, rule, case, None, stop))
            continue
        state, reason = _judge(case, rule, spent, now)
        if state == "applied":
            spent.book(rule, case, now)
        planned.append(Planned(name, rule, case, state, reason))
    return planned


def answering(case: Case, rules: Iterable[Rule]) -> Rule | None:
    """The rule that names most of what the case is; ``syncline check`` refuses two that name as much."""
    return max(
        (rule for rule in rules if rule.holds_for(case)),
        key=lambda rule: (sum(name != ANY for name in rule.names), rule.rule),
        default=None,
    )


def _not_yet(case: Case, rule: Rule, blocked: dict[str, str], now: datetime) -> str | None:
    standing = blocked.get(case.location or "", blocked.get(ANY))
    if standing is not None:
        return f"{standing} stands there"
    ready = case.since + timedelta(seconds=rule.wait_s)
    return f"stands only since {case.since:%Y-%m-%d %H:%M:%S}" if now < ready else None


def _judge(case: Case, rule: Rule, spent: Spent, now: datetime) -> tuple[State, str | None]:
    why = case.fault or _limit(case, rule, spent, now)
    if rule.mode == "dry run":
        return "dry run", why
    if why is not None:
        return "waiting", why
    return ("applied", None) if rule.mode == "live" else ("waiting", "its rule asks first")


def _limit(case: Case, rule: Rule, spent: Spent, now: datetime) -> str | None:
    """The first limit of ``rule`` that the case would break."""
    units, name = abs(case.units), rule.rule
    if (name, case.key) in spent.taken_back:
        return "a person took back what the rule did for the key"
    last = spent.last.get((name, case.key))
    if last is not None and now < last + timedelta(seconds=rule.again_s):
        return f"the rule answered the key at {last:%Y-%m-%d %H:%M:%S} already"
    asked = (
        ("units of a key", units, rule.key_units),
        ("value of a key", case.value, rule.key_value),
        ("keys of a run", spent.run_keys[name] + 1, rule.run_keys),
        ("units of a run", spent.run_units[name] + units, rule.run_units),
        ("units of a day", spent.day_units[name] + units, rule.day_units),
    )
    return next((f"over its limit: {what} {size}, allowed {most}" for what, size, most in asked if size > most), None)
