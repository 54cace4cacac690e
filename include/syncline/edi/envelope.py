"""Interchange, group and set: counts and control numbers checked, the smallest broken unit kept out.

X12 (ISA, GS, ST) and EDIFACT (UNB, UNG, UNH) are one grammar with other names; in EDIFACT groups are optional. What a
set says is read by the ``Body`` that its opener is given to, segment by segment: nothing of the set is held here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from syncline.edi.blocks import Block, Run, Segment
from syncline.edi.delimiters import Delimiters
from syncline.edi.findings import Finding, Scope, printable, shown
from syncline.edi.frames import FRAMES, Frame
from syncline.edi.tokenizer import blocks
from syncline.edi.units import GROUPS_MAX, Body, Collected, Group, Interchange, Take, TransactionSet, Units

CONTROL_CHARS_MAX = 20
PARTY_CHARS_MAX = 40
SETS_MAX = 100_000
INTERCHANGES_MAX = 10_000
# Where loops are read as they stand, only what is between them is split: so much of the text at a time.
SPLIT_CHARS = 4_096
SERVICE_MAX = 1_000
OUTSIDE = frozenset({"outside_interchange", "isa_unreadable"})
RELEASE_UNSUPPORTED = "ISX defines a release character, which is not read: values would be cut at the wrong place"
REMARKS = {
    "isa_widths": "an element of the ISA has not its fixed width",
    "una_incomplete": "the UNA is one character short",
}


Item = TransactionSet | Interchange
OpenBody = Callable[[TransactionSet], Body]


def transaction_sets(data: bytes | BinaryIO, open_body: OpenBody = Collected) -> Iterator[Item]:
    """Every set when it has ended, also the broken ones, and each interchange behind its sets.

    Args:
        data: the file, or a seekable stream of it.
        open_body: gives the reader of a set that begins.
    """
    envelope = Envelope(open_body)
    for item in blocks(data):
        if isinstance(item, Block):
            envelope.take_block(item)
        elif isinstance(item, Segment):
            envelope.take_all((item,))
        elif isinstance(item, Finding):
            envelope.remark(item)
        else:
            envelope.begin(item)
        yield from envelope.ended()
        if envelope.is_full:
            return
    envelope.finish()
    yield from envelope.ended()


class Envelope:
    """Fed with segments in order; ``ended`` gives what is complete."""

    def __init__(self, open_body: OpenBody) -> None:
        self._open_body = open_body
        self._ended: list[Item] = []
        self._sets = self._interchanges = 0
        self._last: Segment | None = None
        self._is_closed = False
        self._units: Units | None = None
        self._opener = ""
        self._frames = FRAMES["x12"]
        self._begin(Interchange(Delimiters("x12", "", "", "")))

    @property
    def is_full(self) -> bool:
        """So many interchanges have ended that the rest of the file is not read."""
        return self._interchanges > INTERCHANGES_MAX

    def begin(self, delimiters: Delimiters) -> None:
        """An interchange comes, or text that looks like one."""
        self.finish()
        self._begin(Interchange(delimiters))

    def take_all(self, segments: Iterable[Segment]) -> None:
        """Segments in their order."""
        segment = self._last
        for segment in segments:
            take = self._handlers.get(segment[0][0])
            if take is not None:
                take(segment)
            else:
                self._other(segment)
        self._last = segment

    def take_block(self, block: Block) -> None:
        """Many segments in their order: loops of the open set are read as they stand, where its reader can."""
        while (run := block.run(SPLIT_CHARS if self._opener else None)) is not None:
            self._take_run(block, run)
            if self._opener and len(block.text) - block.at < SPLIT_CHARS:
                return  # a loop that is not at hand whole comes again, with its end

    def _take_run(self, block: Block, run: Run) -> None:
        for at, elements in enumerate(run.elements):
            name = elements[0]
            if name and name == self._opener and self._units is not None:
                last = self._units.take(block, run, at)
                self._opener = self._units.opener
                if last is not None:
                    self._last = last
                    return
            (self._handlers.get(name) or self._other)(run.segment(at))
        self._last = run.segment(len(run) - 1)

    def remark(self, finding: Finding) -> None:
        """What the tokenizer found; text that could not be read may have been a line of the open set."""
        if self._is_closed and finding.code in OUTSIDE:
            self.finish()
        if self._set is not None and finding.severity == "error":
            self._set.find("set_damaged", f"a part of it cannot be read: {finding.message}", self._set.opener)
        self._interchange.findings.add(finding)

    def ended(self) -> list[Item]:
        """Sets and interchanges that have ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def finish(self) -> None:
        """The interchange ended, by its trailer or without it."""
        interchange, last = self._interchange, self._last
        if last is not None and not self._is_closed:
            self._leave_group(last)
            if interchange.opener is not None:
                closes = self._frames.interchange.closes
                text = f"interchange {shown(interchange.control)} has no {closes}: the file is half written or was cut"
                self._find("interchange_not_closed", text, interchange.opener)
        if interchange.opener is not None or interchange.findings:
            self._interchanges += 1
            if self.is_full:
                text = f"more than {INTERCHANGES_MAX} interchanges: what follows is not read"
                at = interchange.opener or last
                offset, number = (at.offset, at.number) if at is not None else (0, 0)
                found = Finding("too_many_interchanges", text, "interchange", number, offset=offset)
                interchange.findings.add(found)
            self._ended.append(interchange)
        self._begin(Interchange(interchange.delimiters))

    def _begin(self, interchange: Interchange) -> None:
        self._interchange = interchange
        self._group = Group()
        self._set: TransactionSet | None = None
        self._controls: set[str] = set()
        self._last = None
        self._is_outside = self._is_closed = self._has_release = False
        self._frames = FRAMES[interchange.delimiters.syntax]
        interchange_, group, set_ = self._frames.interchange, self._frames.group, self._frames.set
        self._service: dict[str, Take] = {
            interchange_.opens: self._enter, interchange_.closes: self._close,
            group.opens: self._enter_group, group.closes: self._close_group,
            set_.opens: self._enter_set, set_.closes: self._close_set,
        }  # fmt: skip
        if interchange.delimiters.syntax == "x12":
            self._service |= {"ISX": self._refuse_release, "TA1": self._acknowledged}
        self._outside()

    def _outside(self) -> None:
        """No set is open."""
        self._set, self._handlers, self._other_of_set = None, self._service, self._stray
        self._units, self._opener = None, ""

    def _other(self, segment: Segment) -> None:
        take = self._handlers.get(segment.id)  # a blank stands behind the id
        (take or self._other_of_set)(segment)

    def _stray(self, segment: Segment) -> None:
        if not self._is_outside:
            # Once for a run of them: a broken ST leaves its whole set outside.
            self._is_outside = True
            self._find("outside_set", f"segments from {shown(segment.id)} on stand outside any set", segment)

    def _enter(self, opener: Segment) -> None:
        if self._interchange.opener is not None:
            delimiters = self._interchange.delimiters
            self._last = opener
            self.finish()
            self._begin(Interchange(delimiters))
        interchange, frames = self._interchange, self._frames
        interchange.opener = opener
        interchange.control = printable(self._plain(opener, frames.interchange.control)[:CONTROL_CHARS_MAX])
        if interchange.delimiters.syntax == "x12":
            parties = [opener.get(element)[:PARTY_CHARS_MAX] for element in (5, 6, 7, 8)]
            interchange.prepared = (opener.get(9)[:8], opener.get(10)[:6])
            if not opener.get(11):
                self._find("element_padded", "ISA11 is blank", opener, 11)
        else:
            parties = [*self._party(opener, frames.sender), *self._party(opener, frames.receiver)]
            date, _, time = opener.get(4).partition(interchange.delimiters.component)
            interchange.prepared = (date[:8], time[:6])
        (interchange.sender_qualifier, interchange.sender, interchange.receiver_qualifier, interchange.receiver) = map(
            printable, parties
        )
        usage = opener.get(frames.usage)
        interchange.is_test = frames.usages.get(usage)
        if interchange.is_test is None:
            text = f"{opener.id}{frames.usage} is {shown(usage)}, which is neither production nor test"
            self._find("usage_unknown", text, opener, frames.usage)
        for code in interchange.delimiters.remarks:
            self._find(code, REMARKS[code], opener)

    def _party(self, opener: Segment, element: int) -> tuple[str, str]:
        """Qualifier and id of an EDIFACT party."""
        name, *rest = self._interchange.delimiters.components(opener.get(element))
        return (rest[0] if rest else "")[:PARTY_CHARS_MAX], name[:PARTY_CHARS_MAX]

    def _enter_group(self, opener: Segment) -> None:
        self._leave_group(opener)
        self._interchange.groups += 1
        version = "" if self._frames.needs_group is False else opener.get(8)
        control = self._plain(opener, self._frames.group.control)[:CONTROL_CHARS_MAX]
        sender, receiver = (printable(opener.get(element)[:PARTY_CHARS_MAX]) for element in (2, 3))
        self._group = Group(
            opener, printable(opener.get(1)[:10]), printable(control), sender, receiver, printable(version[:12])
        )
        if len(self._interchange.opened) < GROUPS_MAX:
            self._interchange.opened.append(self._group)
        self._controls = set()
        if any(value != value.strip() for value in opener.elements[2:4]):
            self._find("element_padded", "blanks around GS02 or GS03", opener, 2, scope="group")

    def _enter_set(self, st: Segment) -> None:
        self._leave_set(st)
        self._sets += 1
        if self._sets > SETS_MAX:
            if self._sets == SETS_MAX + 1:
                self._find("too_many_sets", f"more than {SETS_MAX} sets: the others are not read", st)
            return
        frame, interchange, group = self._frames.set, self._interchange, self._group
        control = self._plain(st, frame.control)
        named, version = self._named(st, group)
        shown_control, name = printable(control[:CONTROL_CHARS_MAX]), printable(named[:10])
        opened = TransactionSet(interchange, group, shown_control, name, printable(version[:40]), st, Collected())
        self._is_outside = False
        interchange.sets += 1
        group.sets += 1
        if interchange.is_test is None:
            opened.find("usage_unknown", "the interchange does not say production or test", st)
        if self._has_release:
            opened.find("release_unsupported", RELEASE_UNSUPPORTED, st)
        if group.opener is None and self._frames.needs_group:
            opened.find("group_missing", "the set stands outside any group", st)
        if not control:
            opened.find("set_control_missing", f"{st.id}{frame.control:02d} is empty", st, frame.control)
        elif control in self._controls:
            text = f"{st.id}{frame.control:02d} {shown(control)} occurs twice in its group"
            opened.find("set_repeated", text, st, frame.control)
        self._controls.add(control)
        opened.body = self._open_body(opened)
        self._set, self._handlers = opened, {**opened.body.handlers, **self._service}
        self._other_of_set = opened.body.other
        self._units = opened.body.units
        self._opener = self._units.opener if self._units is not None else ""

    def _named(self, st: Segment, group: Group) -> tuple[str, str]:
        """Type and version of a set."""
        if self._frames.needs_group:
            return st.get(1), group.version
        name, *version = self._interchange.delimiters.components(st.get(2))
        return name, ":".join(version)

    def _close_set(self, se: Segment) -> None:
        closed, frame = self._set, self._frames.set
        if closed is None:
            if self._sets <= SETS_MAX:
                self._find("set_not_opened", f"{se.id} {shown(se.get(2))} closes no set", se)
            return
        counted = se.number - closed.opener.number + 1
        if not same_number(se.get(1), str(counted)):
            closed.find("set_count", f"{se.id}01 says {shown(se.get(1))} segments, {counted} are there", se, 1)
        if not same_number(self._plain(se, 2), self._plain(closed.opener, frame.control)):
            text = f"{se.id}02 {shown(se.get(2))} is not {frame.opens}{frame.control:02d} {shown(closed.control)}"
            closed.find("set_control", text, se, 2)
        self._end_set(closed, counted, se.offset)

    def _leave_set(self, at: Segment) -> None:
        """The open set was not closed: ``at`` is where that became clear."""
        left = self._set
        if left is not None:
            closes = self._frames.set.closes
            text = f"the set has no {closes}; segment {at.number} {shown(at.id)} came or the text ended"
            left.find("set_not_closed", text, left.opener)
            self._end_set(left, max(1, at.number - left.opener.number), 0)

    def _end_set(self, ended: TransactionSet, segments: int, end: int) -> None:
        ended.segments, ended.end = segments, end
        ended.body.end()
        self._ended.append(ended)
        self._outside()

    def _close_group(self, ge: Segment) -> None:
        self._leave_set(ge)
        if self._group.opener is None:
            self._find("group_not_opened", f"{ge.id} {shown(ge.get(2))} closes no group", ge, scope="group")
            return
        self._group.said = ge.get(1)[:CONTROL_CHARS_MAX]
        self._compare(ge, "group", self._group.sets, self._group.opener, self._frames.group)
        self._group = Group()

    def _leave_group(self, at: Segment) -> None:
        self._leave_set(at)
        opener, frame = self._group.opener, self._frames.group
        if opener is not None:
            text = f"group {shown(opener.get(frame.control))} has no {frame.closes}"
            self._find("group_not_closed", text, opener, scope="group")
            self._group = Group()

    def _close(self, iea: Segment) -> None:
        self._leave_group(iea)
        interchange = self._interchange
        if interchange.opener is not None:
            inside = interchange.groups or (0 if self._frames.needs_group else interchange.sets)
            self._compare(iea, "interchange", inside, interchange.opener, self._frames.interchange)
            if len(iea.elements) > 3:
                self._find("interchange_control", f"{iea.id} has more than two elements", iea, 3)
            interchange.end = iea.offset
        self._is_closed = True

    def _refuse_release(self, isx: Segment) -> None:
        self._has_release = True
        self._find("release_unsupported", RELEASE_UNSUPPORTED, isx)

    def _acknowledged(self, ta1: Segment) -> None:
        if len(self._interchange.service) < SERVICE_MAX:
            self._interchange.service.append(ta1)

    def _compare(self, closer: Segment, scope: Scope, inside: int, opener: Segment, frame: Frame) -> None:
        if not same_number(closer.get(1), str(inside)):
            text = f"{frame.closes}01 says {shown(closer.get(1))} {frame.inside}, {inside} are there"
            self._find(f"{scope}_count", text, closer, 1, scope)
        if not same_number(closer.get(2), opener.get(frame.control)):
            control = f"{frame.opens}{frame.control:02d} {shown(opener.get(frame.control))}"
            text = f"{frame.closes}02 {shown(closer.get(2))} is not {control}"
            self._find(f"{scope}_control", text, closer, 2, scope)

    def _plain(self, segment: Segment, element: int) -> str:
        return self._interchange.delimiters.plain(segment.get(element))

    def _find(
        self, code: str, text: str, segment: Segment, element: int | None = None, scope: Scope = "interchange"
    ) -> None:
        self._interchange.findings.add(
            Finding(
                code, text, scope, segment.number, segment.id[:10], element, None, segment.offset, 0,
                self._interchange.control, self._group.control,
            )
        )  # fmt: skip


def same_number(left: str, right: str) -> bool:
    """Control numbers and counts compare without leading zeros; text that is no number compares as text."""
    if left.isascii() and right.isascii() and left.isdigit() and right.isdigit():
        return left.lstrip("0") == right.lstrip("0")
    return left == right and left != ""
