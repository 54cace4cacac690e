"""What an adapter offers and declares. The flow knows a target by this alone, never by its vendor (ADR 0021).

An adapter speaks the target's own references: the flow translates items and locations before and after a call. It
holds no state of a correction, retries nothing and locks nothing; limits, leases and proofs are the flow's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

Key = tuple[str, str]  # item, location
Outcome = Literal["applied", "replayed", "refused", "stale", "not_executed", "accepted", "unknown"]


@dataclass(frozen=True)
class Capabilities:
    """What the target can prove (semantics §9). How long its requests live and who else writes is the registry's.

    Attributes:
        writes: a change of the number, or the number itself.
        key: what a repeated try is recognised by: the reference of each line, the key of the whole document, or
            nothing. A document with a key is only ever repeated whole.
        key_retention_s: for how long, in real seconds; None: for ever.
        compare: a set is refused when the version, or the value, is not what we read.
        finds: a reference can be looked up, with its key and quantity, once it took effect.
        lists_changes: there is a complete list of changes; ours are in it with their reference.
        answers_later: a document is only handed over; ``poll`` tells what became of it.
        is_atomic: a document is executed as a whole or not at all.
        lines_max: the target's own bound on the lines of a document.
    """

    writes: Literal["delta", "set"]
    key: Literal["none", "line", "document"] = "none"
    key_retention_s: int | None = None
    compare: Literal["none", "version", "value"] = "none"
    finds: bool = False
    lists_changes: bool = False
    answers_later: bool = False
    is_atomic: bool = False
    lines_max: int = 1


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
class Shown:
    """What the target shows of a key now, in base units. ``version``: for compare-and-set, where it has one."""

    quantity: int
    version: str | None = None


@dataclass(frozen=True)
class Found:
    """An effect that the target shows under a reference of ours. ``document``: its own number of it."""

    item: str
    location: str
    quantity: int
    document: str


@dataclass(frozen=True)
class Line:
    """One correction as it is sent. ``quantity``: the delta or the number to set; ``shown``: what it was computed from.

    ``reference`` is the correction id: 64 hex digits. Where a field is shorter, its first digits are the reference.
    """

    reference: str
    item: str
    location: str
    quantity: int
    expected_version: str | None = None
    shown: int | None = None


@dataclass(frozen=True)
class Document:
    """Lines that are sent in one call, in order of key."""

    lines: tuple[Line, ...]

    @cached_property
    def key(self) -> str:
        """64 hex digits: the set of corrections. A correction's body is fixed, so the body of a key is, too."""
        return hashlib.sha256("\n".join(sorted(line.reference for line in self.lines)).encode()).hexdigest()


@dataclass(frozen=True)
class LineAnswer:
    """What one line's result proves; ``code`` is the target's word, ``detail`` small JSON for the record.

    applied, replayed: it has taken effect, once. refused: it has not, and never will as it is. stale: it has not,
    because the number had moved. not_executed: it has not, and may be sent again. accepted: see ``DocumentAnswer.job``.
    unknown: nothing is proven.
    """

    outcome: Outcome
    code: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """What the target says of its own throttle: units left, units it gives back in a second, units the call cost."""

    left: float
    restored_per_s: float
    cost: float


@dataclass(frozen=True)
class DocumentAnswer:
    """Answer to one document. Every line sent is in ``lines``.

    ``silent``: nothing that counts as an answer came. ``job``: what to ``poll`` for the result of ``accepted`` lines.
    ``latency_ms``: real ms that the call took; None where nobody measured it. ``heard``: an
    excerpt of what came, as evidence (``syncline.heard``).
    """

    status_code: int | None
    lines: Mapping[str, LineAnswer]
    retry_after_s: float | None = None
    silent: bool = False
    job: str | None = None
    budget: Budget | None = None
    latency_ms: int | None = None
    heard: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that ``targets check`` looked at: a name, whether it is well, and one line about it.

    ``is_other_version``: it is not well because the target speaks another version than the adapter; both are told.
    """

    name: str
    is_well: bool
    told: str
    is_other_version: bool = False


class Adapter(Protocol):
    """One target's API. Calls are blocking and bounded; an adapter is not shared between threads.

    Raises, all but ``send``: PartnerUnavailable (no answer, throttled, 5xx), ConfigurationError (login or right
    refused, wrong version), PartnerContractBroken (an answer outside of the contract).
    """

    capabilities: Capabilities

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Send one document, once. Never raises for what a partner does: silence is an answer too."""

    def check(self) -> Sequence[Check]:
        """Look at connection, login, rights and version without changing stock. Raises nothing that a Check can say."""

    def close(self) -> None:
        """Give back what is open."""


class ShowsNumbers(Adapter, Protocol):
    """A target that is read by key."""

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """What the target shows of ``keys``; one that it does not know is left out."""


class ListsChanges(Adapter, Protocol):
    """``capabilities.lists_changes``."""

    def changes(self, after: int, limit: int) -> Page:
        """One page of the change list."""


class FindsReferences(Adapter, Protocol):
    """``capabilities.finds``."""

    def find(self, lines: Sequence[Line]) -> Mapping[str, Sequence[Found]]:
        """Effects by reference, of those lines that have one; two of one reference are a double effect.

        ``lines`` are those of one document as it was sent: its key can be worked out again.
        """


class AnswersLater(Adapter, Protocol):
    """``capabilities.answers_later``."""

    def poll(self, job: str, document: Document) -> DocumentAnswer | None:
        """What became of an accepted document; None while it is not known yet."""
