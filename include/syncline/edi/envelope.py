"""Interchange, group and set: counts and control numbers checked, the smallest broken unit kept out.

X12 (ISA, GS, ST) and EDIFACT (UNB, UNG, UNH) are one grammar with other names; in EDIFACT groups are optional.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from syncline.edi.delimiters import Delimiters
from syncline.edi.errors import Fault, Scope, shown
from syncline.edi.tokenizer import Segment, segments

X12_USAGE = {"P": False, "T": True, "I": True}  # ISA15: everything but production stays away from stock
EDIFACT_USAGE = {"": False, "0": False, "1": True}  # UNB11
SERVICE = frozenset({"TA1"})  # allowed outside of sets
CONTROL_CHARS_MAX = 20
RELEASE_UNSUPPORTED = "ISX defines a release character, which is not read: values would be cut at the wrong place"


@dataclass(frozen=True, slots=True)
class Frame:
    """Segments around a unit. ``closes`` counts what is ``inside`` and repeats element ``control`` of ``opens``."""

    opens: str
    closes: str
    control: int
    inside: str


@dataclass(frozen=True, slots=True)
class Frames:
    interchange: Frame
    group: Frame
    set: Frame
    usage: int
    usages: dict[str, bool]
    needs_group: bool


FRAMES = {
    "x12": Frames(
        Frame("ISA", "IEA", 13, "groups"), Frame("GS", "GE", 6, "sets"), Frame("ST", "SE", 2, "segments"),
        15, X12_USAGE, needs_group=True,
    ),
    "edifact": Frames(
        Frame("UNB", "UNZ", 5, "groups or messages"), Frame("UNG", "UNE", 5, "messages"),
        Frame("UNH", "UNT", 1, "segments"), 11, EDIFACT_USAGE, needs_group=False,
    ),
}  # fmt: skip


@dataclass(slots=True)
class TransactionSet:
    """One ST..SE or UNH..UNT. ``faults`` not empty: quarantined. ``body`` is what stands between the two.

    ``version`` is GS08 or, of a message, its version, release and association (``D:96A:UN:EAN008``).
    """

    file: str
    delimiters: Delimiters
    interchange: str
    group: str
    control: str
    type: str
    version: str
    is_test: bool
    st: Segment
    body: list[Segment] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, code: str, text: str, segment: Segment, element: int | None = None, scope: Scope = "set") -> Fault:
        """A fault in this set, at ``segment``."""
        return Fault(
            code, text, scope, self.file, segment.number, segment.id[:10], element, segment.offset,
            self.interchange, self.group, self.control,
        )  # fmt: skip


def transaction_sets(data: bytes | BinaryIO, file: str) -> Iterator[TransactionSet | Fault]:
    """Every set of ``data`` once, also the broken ones, and the faults of what surrounds them."""
    reader: _Interchange | None = None
    for item in segments(data, file):
        if isinstance(item, Delimiters):
            if reader is not None:
                yield from reader.finish()
            reader = _Interchange(file, item)
        elif isinstance(item, Fault):
            # What was lost may have been a line of the open set: the set cannot be trusted.
            if reader is not None and reader.open_set is not None:
                damaged = f"a part of it cannot be read: {item.text}"
                reader.open_set.faults.append(reader.open_set.fault("set_damaged", damaged, reader.open_set.st))
            yield item
        else:
            assert reader is not None, "segments come behind their delimiters"
            yield from reader.take(item)
    if reader is not None:
        yield from reader.finish()


class _Interchange:
    def __init__(self, file: str, delimiters: Delimiters) -> None:
        self._file = file
        self._delimiters = delimiters
        self._frames = FRAMES[delimiters.syntax]
        self._opener: Segment | None = None
        self._group: Segment | None = None
        self.open_set: TransactionSet | None = None
        self._groups = 0
        self._sets = 0  # in the open group, or in the interchange where it has none
        self._controls: set[str] = set()
        self._last: Segment | None = None
        self._is_outside = self._is_closed = self._has_release = False

    def take(self, segment: Segment) -> Iterator[TransactionSet | Fault]:
        self._last = segment
        frames = self._frames
        match segment.id:
            case frames.interchange.opens:
                yield from self._enter(segment)
            case frames.group.opens:
                yield from self._leave_group(segment)
                self._group, self._sets, self._controls = segment, 0, set()
                self._groups += 1
            case frames.set.opens:
                yield from self._leave_set(segment)
                self._enter_set(segment)
            case frames.set.closes:
                yield from self._close_set(segment)
            case frames.group.closes:
                yield from self._close_group(segment)
            case frames.interchange.closes:
                yield from self._close(segment)
            case "ISX" if self._delimiters.syntax == "x12":
                self._has_release = True
                yield self._fault("release_unsupported", RELEASE_UNSUPPORTED, segment)
            case _ if self.open_set is not None:
                self.open_set.body.append(segment)
            case _ if segment.id not in SERVICE and not self._is_outside:
                # Once for a run of them: a broken ST leaves its whole set outside.
                self._is_outside = True
                yield self._fault("outside_set", f"segments from {shown(segment.id)} on stand outside any set", segment)

    def finish(self) -> Iterator[TransactionSet | Fault]:
        """The interchange ended, by its trailer or without it."""
        if self._last is None or self._is_closed:
            return
        yield from self._leave_group(self._last)
        if self._opener is None:
            return
        closes = self._frames.interchange.closes
        text = f"interchange {shown(self._control())} has no {closes}: the file is half written or was cut"
        yield self._fault("interchange_not_closed", text, self._opener)

    def _enter(self, opener: Segment) -> Iterator[TransactionSet | Fault]:
        if self._opener is not None:
            yield from self.finish()
            self._groups = self._sets = 0
            self._controls = set()
        self._opener = opener
        usage = opener.get(self._frames.usage)
        if usage not in self._frames.usages:
            text = f"{opener.id}{self._frames.usage} is {shown(usage)}, which is neither production nor test"
            yield self._fault("usage_unknown", text, opener, self._frames.usage)

    def _enter_set(self, st: Segment) -> None:
        frame, opener, group = self._frames.set, self._opener, self._group
        usage = opener.get(self._frames.usage) if opener else None
        control = self._plain(st, frame.control)
        name, version = self._named(st, group)
        opened = TransactionSet(
            self._file, self._delimiters, self._control(), self._group_control(), control[:CONTROL_CHARS_MAX],
            name[:10], version[:40], usage is not None and self._frames.usages.get(usage, False), st,
        )  # fmt: skip
        self.open_set = opened
        self._is_outside = False
        self._sets += 1
        if usage is None or usage not in self._frames.usages:
            opened.faults.append(opened.fault("usage_unknown", "the interchange does not say production or test", st))
        if self._has_release:
            opened.faults.append(opened.fault("release_unsupported", RELEASE_UNSUPPORTED, st))
        if group is None and self._frames.needs_group:
            opened.faults.append(opened.fault("group_missing", "the set stands outside any group", st))
        if not control:
            text = f"{st.id}{frame.control:02d} is empty"
            opened.faults.append(opened.fault("set_control_missing", text, st, frame.control))
        elif control in self._controls:
            text = f"{st.id}{frame.control:02d} {shown(control)} occurs twice in its group"
            opened.faults.append(opened.fault("set_repeated", text, st, frame.control))
        self._controls.add(control)

    def _named(self, st: Segment, group: Segment | None) -> tuple[str, str]:
        """Type and version of a set."""
        if self._delimiters.syntax == "x12":
            return st.get(1), group.get(8) if group else ""
        name, *version = self._delimiters.components(st.get(2))
        return name, ":".join(version)

    def _close_set(self, se: Segment) -> Iterator[TransactionSet | Fault]:
        closed, frame = self.open_set, self._frames.set
        if closed is None:
            yield self._fault("set_not_opened", f"{se.id} {shown(se.get(2))} closes no set", se)
            return
        counted = len(closed.body) + 2
        if not _same_number(se.get(1), str(counted)):
            text = f"{se.id}01 says {shown(se.get(1))} segments, {counted} are there"
            closed.faults.append(closed.fault("set_count", text, se, 1))
        if not _same_number(self._plain(se, 2), self._plain(closed.st, frame.control)):
            text = f"{se.id}02 {shown(se.get(2))} is not {frame.opens}{frame.control:02d} {shown(closed.control)}"
            closed.faults.append(closed.fault("set_control", text, se, 2))
        self.open_set = None
        yield closed

    def _leave_set(self, at: Segment) -> Iterator[TransactionSet]:
        """The open set was not closed: ``at`` is where that became clear."""
        if self.open_set is not None:
            text = (
                f"the set has no {self._frames.set.closes}; segment {at.number} {shown(at.id)} came or the text ended"
            )
            self.open_set.faults.append(self.open_set.fault("set_not_closed", text, self.open_set.st))
            yield self.open_set
            self.open_set = None

    def _close_group(self, ge: Segment) -> Iterator[TransactionSet | Fault]:
        yield from self._leave_set(ge)
        if self._group is None:
            yield self._fault("group_not_opened", f"{ge.id} {shown(ge.get(2))} closes no group", ge, scope="group")
            return
        yield from self._compared(ge, "group", self._sets, self._group, self._frames.group)
        self._group = None

    def _leave_group(self, at: Segment) -> Iterator[TransactionSet | Fault]:
        yield from self._leave_set(at)
        if self._group is not None:
            frame = self._frames.group
            text = f"group {shown(self._group.get(frame.control))} has no {frame.closes}"
            yield self._fault("group_not_closed", text, self._group, scope="group")
            self._group = None

    def _close(self, iea: Segment) -> Iterator[TransactionSet | Fault]:
        yield from self._leave_group(iea)
        if self._opener is not None:
            inside = self._groups or self._sets if not self._frames.needs_group else self._groups
            yield from self._compared(iea, "interchange", inside, self._opener, self._frames.interchange)
            if len(iea.elements) > 3:
                yield self._fault("interchange_control", f"{iea.id} has more than two elements", iea, 3)
        self._is_closed = True

    def _compared(self, closer: Segment, scope: Scope, inside: int, opener: Segment, frame: Frame) -> Iterator[Fault]:
        if not _same_number(closer.get(1), str(inside)):
            text = f"{frame.closes}01 says {shown(closer.get(1))} {frame.inside}, {inside} are there"
            yield self._fault(f"{scope}_count", text, closer, 1, scope)
        if not _same_number(closer.get(2), opener.get(frame.control)):
            control = f"{frame.opens}{frame.control:02d} {shown(opener.get(frame.control))}"
            text = f"{frame.closes}02 {shown(closer.get(2))} is not {control}"
            yield self._fault(f"{scope}_control", text, closer, 2, scope)

    def _plain(self, segment: Segment, element: int) -> str:
        return self._delimiters.plain(segment.get(element))

    def _control(self) -> str:
        return self._plain(self._opener, self._frames.interchange.control)[:CONTROL_CHARS_MAX] if self._opener else ""

    def _group_control(self) -> str:
        return self._plain(self._group, self._frames.group.control)[:CONTROL_CHARS_MAX] if self._group else ""

    def _fault(
        self, code: str, text: str, segment: Segment, element: int | None = None, scope: Scope = "interchange"
    ) -> Fault:
        return Fault(
            code, text, scope, self._file, segment.number, segment.id[:10], element, segment.offset,
            self._control(), self._group_control(),
        )  # fmt: skip


def _same_number(left: str, right: str) -> bool:
    """Control numbers and counts compare without leading zeros; text that is no number compares as text."""
    if left.isascii() and right.isascii() and left.isdigit() and right.isdigit():
        return left.lstrip("0") == right.lstrip("0")
    return left == right and left != ""
