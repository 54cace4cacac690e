"""ISA, GS and ST around the sets: counts and control numbers checked, the smallest broken unit kept out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from syncline.edi.errors import Fault, Scope, shown
from syncline.edi.tokenizer import Segment, segments

USAGE = {"P": False, "T": True, "I": True}  # ISA15: everything but production stays away from stock


@dataclass(slots=True)
class TransactionSet:
    """One ST..SE. ``faults`` not empty: quarantined. ``body`` is what stands between ST and SE."""

    file: str
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


def transaction_sets(data: bytes, file: str) -> Iterator[TransactionSet | Fault]:
    """Every set of ``data`` once, also the broken ones, and the faults of what surrounds them."""
    reader = _Envelope(file)
    for item in segments(data, file):
        if isinstance(item, Fault):
            # What was lost may have been a line of the open set: the set cannot be trusted.
            if reader.open_set is not None:
                reader.open_set.faults.append(item)
            yield item
        else:
            yield from reader.take(item)
    yield from reader.finish()


class _Envelope:
    def __init__(self, file: str) -> None:
        self._file = file
        self._isa: Segment | None = None
        self._gs: Segment | None = None
        self.open_set: TransactionSet | None = None
        self._groups = 0
        self._sets = 0
        self._controls: set[str] = set()
        self._last: Segment | None = None
        self._is_outside = False

    def take(self, segment: Segment) -> Iterator[TransactionSet | Fault]:
        self._last = segment
        match segment.id:
            case "ISA":
                yield from self._leave_interchange(segment)
                self._isa, self._groups, self._is_outside = segment, 0, False
                if segment.get(15) not in USAGE:
                    yield self._fault("usage_unknown", f"ISA15 is {shown(segment.get(15))}, not P, T or I", segment, 15)
            case "GS":
                yield from self._leave_group(segment)
                self._gs, self._sets, self._controls = segment, 0, set()
                self._groups += 1
            case "ST":
                yield from self._leave_set(segment)
                yield from self._enter_set(segment)
            case "SE":
                yield from self._close_set(segment)
            case "GE":
                yield from self._close_group(segment)
            case "IEA":
                yield from self._close_interchange(segment)
            case _ if self.open_set is not None:
                self.open_set.body.append(segment)
            case _ if segment.id != "TA1" and not self._is_outside:
                # Once for a run of them: a broken ST leaves its whole set outside.
                self._is_outside = True
                yield self._fault("outside_set", f"segments from {shown(segment.id)} on stand outside any set", segment)

    def finish(self) -> Iterator[TransactionSet | Fault]:
        if self._last is not None and self._isa is not None:
            yield from self._leave_interchange(self._last)

    def _enter_set(self, st: Segment) -> Iterator[Fault]:
        isa, gs = self._isa, self._gs
        usage = isa.get(15) if isa else ""
        control = st.get(2)
        opened = TransactionSet(
            self._file, isa.get(13)[:20] if isa else "", gs.get(6)[:20] if gs else "", control[:20], st.get(1)[:10],
            gs.get(8)[:20] if gs else "", USAGE.get(usage, False), st,
        )  # fmt: skip
        self.open_set = opened
        self._is_outside = False
        self._sets += 1
        if usage not in USAGE:
            opened.faults.append(opened.fault("usage_unknown", "the interchange does not say production or test", st))
        if gs is None:
            opened.faults.append(opened.fault("gs_missing", "the set stands outside any group", st))
        if not control:
            opened.faults.append(opened.fault("st_control_missing", "ST02 is empty", st, 2))
        elif control in self._controls:
            opened.faults.append(
                opened.fault("set_repeated", f"ST02 {shown(control)} occurs twice in its group", st, 2)
            )
        self._controls.add(control)
        yield from ()

    def _close_set(self, se: Segment) -> Iterator[TransactionSet | Fault]:
        closed = self.open_set
        if closed is None:
            yield self._fault("se_without_st", f"SE {shown(se.get(2))} closes no set", se)
            return
        counted = len(closed.body) + 2
        if not _same_number(se.get(1), str(counted)):
            text = f"SE01 says {shown(se.get(1))} segments, {counted} are there"
            closed.faults.append(closed.fault("set_count", text, se, 1))
        if not _same_number(se.get(2), closed.control):
            text = f"SE02 {shown(se.get(2))} is not ST02 {shown(closed.control)}"
            closed.faults.append(closed.fault("set_control", text, se, 2))
        self.open_set = None
        yield closed

    def _leave_set(self, at: Segment) -> Iterator[TransactionSet]:
        """The open set was not closed: ``at`` is where that became clear."""
        if self.open_set is not None:
            text = f"the set has no SE; segment {at.number} {shown(at.id)} came or the text ended"
            self.open_set.faults.append(self.open_set.fault("set_not_closed", text, self.open_set.st))
            yield self.open_set
            self.open_set = None

    def _close_group(self, ge: Segment) -> Iterator[TransactionSet | Fault]:
        yield from self._leave_set(ge)
        if self._gs is None:
            yield self._fault("ge_without_gs", f"GE {shown(ge.get(2))} closes no group", ge, scope="group")
            return
        if not _same_number(ge.get(1), str(self._sets)):
            text = f"GE01 says {shown(ge.get(1))} sets, {self._sets} are there"
            yield self._fault("group_count", text, ge, 1, "group")
        if not _same_number(ge.get(2), self._gs.get(6)):
            text = f"GE02 {shown(ge.get(2))} is not GS06 {shown(self._gs.get(6))}"
            yield self._fault("group_control", text, ge, 2, "group")
        self._gs = None

    def _leave_group(self, at: Segment) -> Iterator[TransactionSet | Fault]:
        yield from self._leave_set(at)
        if self._gs is not None:
            yield self._fault("group_not_closed", f"group {shown(self._gs.get(6))} has no GE", self._gs, scope="group")
            self._gs = None

    def _close_interchange(self, iea: Segment) -> Iterator[TransactionSet | Fault]:
        yield from self._leave_group(iea)
        if self._isa is not None:
            if not _same_number(iea.get(1), str(self._groups)):
                yield self._fault(
                    "interchange_count", f"IEA01 says {shown(iea.get(1))} groups, {self._groups} are there", iea, 1
                )
            if not _same_number(iea.get(2), self._isa.get(13)):
                yield self._fault(
                    "interchange_control", f"IEA02 {shown(iea.get(2))} is not ISA13 {shown(self._isa.get(13))}", iea, 2
                )
            if len(iea.elements) > 3:
                yield self._fault("interchange_control", "IEA has more than two elements", iea, 3)
        self._isa = None

    def _leave_interchange(self, at: Segment) -> Iterator[TransactionSet | Fault]:
        yield from self._leave_group(at)
        if self._isa is not None:
            text = f"interchange {shown(self._isa.get(13))} has no IEA: the file is half written or was cut"
            yield self._fault("interchange_not_closed", text, self._isa)
            self._isa = None

    def _fault(
        self, code: str, text: str, segment: Segment, element: int | None = None, scope: Scope = "interchange"
    ) -> Fault:
        return Fault(
            code, text, scope, self._file, segment.number, segment.id[:10], element, segment.offset,
            self._isa.get(13)[:20] if self._isa else "", self._gs.get(6)[:20] if self._gs else "",
        )  # fmt: skip


def _same_number(left: str, right: str) -> bool:
    """Control numbers and counts compare without leading zeros; text that is no number compares as text."""
    if left.isascii() and right.isascii() and left.isdigit() and right.isdigit():
        return left.lstrip("0") == right.lstrip("0")
    return left == right and left != ""
