"""Sets, groups and interchanges of both standards, and where their trailers lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from syncline.twin.edi.style import Body, Segment


class Piece(NamedTuple):
    """A segment as text. ``depth`` is its place in the envelope, for indentation. A glued one has lost its end."""

    text: str
    depth: int
    terminator: str
    is_glued: bool = False


@dataclass(frozen=True)
class Separators:
    """``release`` and ``decimal`` are of EDIFACT; ``repetition`` is written as ISA11."""

    element: str
    component: str
    terminator: str
    repetition: str = "U"
    release: str = ""
    decimal: str = "."


X12 = Separators("*", ">", "~")
EDIFACT = Separators("+", ":", "'", " ", "?")


@dataclass(frozen=True, kw_only=True)
class Trailer:
    """``count_off`` is added to the count that is right; ``closing_control`` is written instead of the control."""

    control: str
    count_off: int = 0
    closing_control: str | None = None

    @property
    def closes_with(self) -> str:
        return self.control if self.closing_control is None else self.closing_control


@dataclass(frozen=True, kw_only=True)
class Set(Trailer):
    """``is_glued``: its trailer has lost its terminator, so that the next set begins inside it."""

    body: Body
    is_glued: bool = False


@dataclass(frozen=True, kw_only=True)
class Group(Trailer):
    """Sets of one functional group; ``at`` of GS or UNG is that of the interchange."""

    sets: tuple[Set, ...]


@dataclass(frozen=True, kw_only=True)
class Interchange(Trailer):
    """One envelope.

    ``version`` is ISA12, or the UNB's syntax version. ``service`` are segments outside of any group (TA1).
    ``has_una``, ``has_short_una`` and ``has_groups`` (UNG) are of EDIFACT, ``is_padded`` of X12. ``is_glued``: the
    trailer has lost its terminator, so that the next interchange begins inside it.
    """

    sender: str
    receiver: str
    at: datetime
    groups: tuple[Group, ...]
    separators: Separators
    version: str
    is_test: bool = False
    service: tuple[Segment, ...] = field(default=())
    is_padded: bool = True
    has_una: bool = True
    has_short_una: bool = False
    has_groups: bool = False
    is_glued: bool = False
