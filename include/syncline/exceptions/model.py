"""What an exception is: its place, its states, and the row as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["open", "acknowledged", "snoozed", "resolved", "reopened"]
Resolution = Literal["accept", "correct", "write off", "ask partner"]

STATES: tuple[State, ...] = ("open", "acknowledged", "snoozed", "reopened", "resolved")
RESOLUTIONS: tuple[Resolution, ...] = ("accept", "correct", "write off", "ask partner")
TEAMS = ("erp", "warehouse", "commerce", "finance", "partner")
SEVERITIES = ("critical", "high", "normal", "low")


@dataclass(frozen=True, slots=True)
class About:
    """Where an exception is, in our names: it decides who owns it and what is re-decided for it."""

    source: str | None = None
    target: str | None = None
    item: str | None = None
    location: str | None = None
    measure: str | None = None
    lot: str | None = None

    def as_json(self) -> dict[str, str]:
        """Only what is known."""
        every = {name: getattr(self, name) for name in ("source", "target", "item", "location", "measure", "lot")}
        return {name: value for name, value in every.items() if value}


@dataclass(frozen=True)
class Kept:
    """A row of ``ops.exceptions``, with its age and lateness at the instant it was asked for."""

    exception_id: int
    rule: str
    subject: str
    state: State
    severity: str
    team: str | None
    owner: str | None
    channel: str | None
    detail: str
    next_step: str
    action: str | None
    opened_at: datetime
    reopened_at: datetime | None
    due_at: datetime
    snoozed_until: datetime | None
    resolved_at: datetime | None
    resolution: str | None
    asked: str | None
    source: str | None
    target: str | None
    item: str | None
    location: str | None
    measure: str | None
    lot: str | None
    impact_units: int | None
    impact_minor: int | None
    orders: int | None
    batch_id: int | None
    version: int
    age_s: int
    is_overdue: bool


@dataclass(frozen=True)
class Change:
    """One thing that happened to an exception."""

    version: int
    what: str
    changed_at: datetime
    changed_by: str
    from_state: str | None
    to_state: str
    note: str | None
    details: dict[str, Any]
    request_id: str | None


@dataclass(frozen=True)
class Evidence:
    """What an exception rests on; of a fact also the document that told it, of a document its name."""

    kind: str
    ref: str
    linked_at: datetime
    source: str | None
    document_id: str | None
    document: str | None
    position: str | None
