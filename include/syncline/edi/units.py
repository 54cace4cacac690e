"""What a file is made of: interchanges, groups and sets, each with what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from syncline.edi.blocks import Block, Run, Segment
from syncline.edi.delimiters import Delimiters
from syncline.edi.findings import Finding, Scope, Severity

# One more finding of a unit says nothing new, and a file of defects must not fill the memory.
FINDINGS_MAX = 1_000
# Groups of an interchange that are remembered, those without a set among them.
GROUPS_MAX = 10_000
VALUE_CHARS_MAX = 40

Take = Callable[[Segment], None]


class Units(Protocol):
    """Reads whole loops as they stand in the text, where it can."""

    opener: str  # id of the segment they begin with; empty: never

    def take(self, block: Block, run: Run, at: int) -> Segment | None:
        """Read loops from segment ``at`` of ``run`` on, and the block is used up to there; the last segment of them."""


class Body(Protocol):
    """Reads what stands between ST and SE."""

    handlers: dict[str, Take]  # by segment id; every other segment goes to `other`

    @property
    def units(self) -> Units | None:
        """Who reads many segments at once."""

    def other(self, segment: Segment) -> None: ...

    def end(self) -> None:
        """The set is complete; it may have findings."""


class Findings(list[Finding]):
    """A list with an end; ``left_out`` counts what did not fit.

    ``weights`` are the severities and scopes of all of them, also of those left out, by the group that they are of
    (None: not of one alone).
    """

    def __init__(self) -> None:
        super().__init__()
        self.left_out = 0
        self.weights: dict[str | None, set[tuple[Severity, Scope]]] = {}

    def add(self, finding: Finding) -> None:
        """Keep the finding, or count it."""
        group = finding.group if finding.scope == "group" else None
        weight = (finding.severity, finding.scope)
        of_group = self.weights.setdefault(group, set())
        # The first of its weight is kept beside the others: it may be what refuses the set.
        if len(self) < FINDINGS_MAX or (weight not in of_group and len(self) < 2 * FINDINGS_MAX):
            self.append(finding)
        else:
            self.left_out += 1
        of_group.add(weight)

    def lead(self, finding: Finding) -> None:
        """Put it before the others, whatever else is wrong: a full list must not lose it."""
        self.insert(0, finding)
        self.weights.setdefault(None, set()).add((finding.severity, finding.scope))

    def keep(self, most: int) -> None:
        """Forget all but some, the gravest first."""
        if len(self) > most:
            self.sort(key=lambda found: (found.severity != "error", found.scope == "line", found.segment_no))
            self.left_out += len(self) - most
            del self[most:]


@dataclass(slots=True)
class Interchange:
    """ISA..IEA or UNB..UNZ: who sent it to whom. ``opener`` is None where text stands outside of any.

    ``is_test`` is None when it says neither production nor test. ``prepared``: date and time as written. ``opened``:
    its groups, the empty ones too.
    """

    delimiters: Delimiters
    opener: Segment | None = None
    control: str = ""
    sender: str = ""
    sender_qualifier: str = ""
    receiver: str = ""
    receiver_qualifier: str = ""
    prepared: tuple[str, str] = ("", "")
    is_test: bool | None = None
    groups: int = 0
    sets: int = 0
    end: int = 0  # byte of the trailer, 0 without one
    service: list[Segment] = field(default_factory=list)  # TA1
    opened: list[Group] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)  # its own and those of its groups


@dataclass(slots=True)
class Group:
    """GS..GE or UNG..UNE; of an EDIFACT interchange without groups everything is empty.

    ``said``: how many sets its trailer says it has.
    """

    opener: Segment | None = None
    code: str = ""
    control: str = ""
    sender: str = ""
    receiver: str = ""
    version: str = ""
    sets: int = 0
    said: str = ""


@dataclass(slots=True)
class TransactionSet:
    """One ST..SE or UNH..UNT; ``version`` of a message is version, release and association (``D:96A:UN:EAN008``)."""

    interchange: Interchange
    group: Group
    control: str
    type: str
    version: str
    opener: Segment
    body: Body
    segments: int = 0
    end: int = 0  # byte of the trailer, 0 without one
    findings: Findings = field(default_factory=Findings)

    @property
    def is_test(self) -> bool:
        """Marked as a test, or as something that is neither test nor production."""
        return self.interchange.is_test is not False

    @property
    def is_rejected(self) -> bool:
        """A defect touches all of it."""
        weights = chain.from_iterable(self.findings.weights.values())
        return any(severity == "error" and scope != "line" for severity, scope in weights)

    def find(
        self,
        code: str,
        message: str,
        segment: Segment,
        element: int | None = None,
        scope: Scope = "set",
        component: int | None = None,
    ) -> None:
        """Add a finding at ``segment`` of this set."""
        value = "" if element is None else segment.get(element)
        if component is not None:
            value = "".join(self.interchange.delimiters.components(value)[component - 1 : component])
        self.findings.add(
            Finding(
                code, message, scope, segment.number, segment.id[:10], element, component, segment.offset,
                segment.number - self.opener.number + 1, self.interchange.control, self.group.control, self.control,
                value[:VALUE_CHARS_MAX],
            )
        )  # fmt: skip


class Collected:
    """A body that keeps its segments."""

    def __init__(self, taken: TransactionSet | None = None) -> None:
        self.handlers: dict[str, Take] = {}
        self.segments: list[Segment] = []
        self.other = self.segments.append
        self.units: Units | None = None

    def end(self) -> None:
        """Nothing is left to do."""
