"""What a compensation is made of: a rule, a finding that it answers, and the row of what was done (ADR 0033)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from syncline.exceptions.model import Resolution

Action = Resolution
Mode = Literal["off", "dry run", "approve", "live"]
State = Literal["dry run", "waiting", "applied", "rejected", "gone", "reversed"]

MODES: tuple[Mode, ...] = ("off", "dry run", "approve", "live")
STATES: tuple[State, ...] = ("waiting", "dry run", "applied", "reversed", "rejected", "gone")
# What can be told from evidence alone, and what may be done about it. Asking is possible of every exception.
FINDINGS: dict[str, Action] = {"discrepancy": "accept", "books.variance": "correct", "transfer_short": "write off"}
ASK: Action = "ask partner"
ANY = "*"

Key = tuple[str, str, str, str]  # item, location, measure, lot; '' where there is none


@dataclass(frozen=True)
class Rule:
    """A row of ``compensation_rules.csv``. Units are base units, values minor units of currency, spans seconds."""

    rule: str
    finding: str
    cause_class: str
    cause: str
    location: str
    item_class: str
    action: Action
    mode: Mode
    wait_s: int
    key_units: int
    key_value: int
    run_keys: int
    run_units: int
    day_units: int
    again_s: int

    @property
    def names(self) -> tuple[str, str, str, str]:
        """What it asks of a finding; the one that names most answers."""
        return self.cause_class, self.cause, self.location, self.item_class

    def holds_for(self, case: Case) -> bool:
        said = (case.cause_class or "", case.cause or "", case.location or "", case.item_class or "")
        return self.finding == case.finding and all(
            asked in (ANY, told) for asked, told in zip(self.names, said, strict=True)
        )


@dataclass(frozen=True)
class Case:
    """A finding as it stands. ``fault``: why evidence does not decide it; then only a person may answer.

    ``units``: signed base units that are in question; of a transfer what is written off. ``since``: when it began to
    stand this time: what comes back is another case.
    """

    finding: str
    subject: str
    since: datetime
    exception_id: int | None
    item: str | None
    location: str | None
    measure: str | None
    lot: str
    target: str | None
    source: str | None
    event_key: str | None
    item_class: str | None
    units: int
    value: int
    cause_class: str | None
    cause: str | None
    detail: str
    evidence: tuple[str, ...]
    fault: str | None

    @property
    def key(self) -> Key:
        return self.item or "", self.location or "", self.measure or "", self.lot

    @property
    def order(self) -> tuple[str, ...]:
        """Total, and of no arrival: which ones a cap leaves out does not depend on when they were found."""
        return (self.finding, *self.key, self.subject, self.source or "", self.since.isoformat())

    def identity(self, rule: Rule) -> str:
        """The same finding under the same rule is the same compensation, whoever finds it and however often."""
        said = (rule.rule, rule.action, self.finding, self.subject, self.since.isoformat(), str(self.units))
        return hashlib.sha256("\n".join((*said, *self.evidence)).encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Planned:
    """What a run would do about a case. ``state`` None: nothing yet, for ``reason``."""

    compensation_id: str
    rule: Rule
    case: Case
    state: State | None
    reason: str | None


@dataclass(frozen=True)
class Kept:
    """A row of ``ops.compensations``."""

    compensation_id: str
    rule: str
    finding: str
    subject: str
    exception_id: int | None
    action: Action
    item: str | None
    location: str | None
    measure: str | None
    lot: str | None
    target: str | None
    source: str | None
    event_key: str | None
    units: int
    value_minor: int
    detail: str
    evidence: list[str]
    state: State
    reason: str | None
    run: str
    proposed_at: datetime
    changed_at: datetime
    changed_by: str
    note: str | None
    decision_id: str | None
    reversal_id: str | None
    version: int
