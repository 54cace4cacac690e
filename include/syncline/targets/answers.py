"""The shapes between a target's client and the flow; the same for every target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

Outcome = Literal["applied", "replayed", "refused", "stale", "not_executed", "unknown"]


@dataclass(frozen=True)
class Change:
    """One row of a target's change list. ``reference``: a correction id, if ours; ``version``: for compare-and-set."""

    position: int
    item: str
    location: str
    kind: str
    delta: int
    quantity_after: int
    version: str | None
    reference: str | None
    event_key: str | None
    changed_at: datetime


@dataclass(frozen=True)
class Page:
    """Changes in order of position, all after the asked one."""

    changes: tuple[Change, ...]
    has_more: bool


@dataclass(frozen=True)
class Line:
    """One correction as it is sent; ``quantity`` is the delta or the number to set."""

    reference: str
    item: str
    location: str
    quantity: int
    expected_version: str | None


@dataclass(frozen=True)
class LineAnswer:
    """What one line's result proves; ``detail`` is small JSON for the record."""

    outcome: Outcome
    code: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DocumentAnswer:
    """Answer to one document. Every line sent is in ``lines``. ``silent``: nothing that counts as an answer came."""

    status_code: int | None
    lines: Mapping[str, LineAnswer]
    retry_after_s: float | None = None
    silent: bool = False


class TargetClient(Protocol):
    """The adapter of one target."""

    def changes(self, after: int, limit: int) -> Page:
        """One page of the change list. Raises PartnerUnavailable or PartnerContractBroken."""

    def send(self, lines: Sequence[Line], timeout_s: float) -> DocumentAnswer:
        """Send one document, once. Never raises for what a partner does: silence is an answer too."""
