"""What a partner says of ours: a 997, 999, CONTRL or TA1 as statements about groups, sets and interchanges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from syncline.edi.acknowledgments.codes import said
from syncline.edi.blocks import Segment
from syncline.edi.delimiters import Delimiters
from syncline.edi.units import Collected, Interchange, TransactionSet

# 715 and 717: accepted, accepted with errors; all others reject, P some of it.
ACCEPTED_X12 = frozenset({"A", "E"})
# 0083: 7 acknowledged, 8 received, and 1 and 2 of older versions; 4 rejects.
ACCEPTED_EDIFACT = frozenset({"1", "2", "7", "8"})
NOTES_MAX = 100
CONTROL_CHARS_MAX = 20
CODE_CHARS_MAX = 6


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a partner said of one of our groups or sets; with empty ``set_*`` of the whole group.

    Attributes:
        kind: 997, 999, TA1 or CONTRL. interchange: control of our interchange (TA1, CONTRL); with an empty group and
            set the statement is about all of it.
        status: as written (AK501, AK901, TA104, 0083); empty where it is not said.
        is_accepted: of a group all of it: P is not. A level below may still be rejected where a CONTRL says 7.
        notes: data element, code and place: ``720 8 at segment 6 QTY``, ``723 6 at segment 6 QTY02``.
    """

    kind: str
    group_code: str
    group_control: str
    set_type: str
    set_control: str
    interchange: str
    status: str
    is_accepted: bool
    notes: tuple[str, ...]


def acknowledged_by(taken: TransactionSet) -> list[Acknowledged]:
    """Statements of a 997, 999 or CONTRL in its order; of any other set none.

    It is what the segments say, whether or not the set itself is sound: ask its verdict before.
    """
    if taken.type not in ("997", "999", "CONTRL"):
        return []
    assert isinstance(taken.body, Collected)
    reader = _Contrl(taken) if taken.type == "CONTRL" else _Functional(taken)
    for segment in taken.body.segments:
        take = reader.takes.get(segment.id)
        if take is not None:
            take(segment)
    return list(reader.ended())


def acknowledged_interchanges(interchange: Interchange) -> list[Acknowledged]:
    """What the TA1 segments of an interchange say of ours."""
    found = []
    for ta1 in interchange.service:
        control, status, note = _text(ta1.get(1)), _code(ta1.get(4)), _code(ta1.get(5))
        notes = (f"I18 {note}",) if note.strip("0") else ()
        found.append(Acknowledged("TA1", "", "", "", "", control, status, status in ACCEPTED_X12, notes))
    return found


@dataclass(slots=True)
class _Statement:
    group_code: str = ""
    group_control: str = ""
    set_type: str = ""
    set_control: str = ""
    interchange: str = ""
    status: str = ""
    notes: list[str] = field(default_factory=list)

    def note(self, element: str, code: str, place: str = "") -> None:
        if code and len(self.notes) < NOTES_MAX:
            self.notes.append(f"{element} {code} at {place}" if place else f"{element} {code}")


class _Reader:
    """Statements begin with one segment and go on in the next ones."""

    accepted = ACCEPTED_X12

    def __init__(self, taken: TransactionSet) -> None:
        self.takes: dict[str, Callable[[Segment], None]] = {}
        self._kind = taken.type
        self._delimiters: Delimiters = taken.interchange.delimiters
        self._statements: list[_Statement] = []
        self._place = ""  # of the segment that AK4 or UCD are about

    def ended(self) -> Iterator[Acknowledged]:
        """All statements, complete."""
        for each in self._statements:
            yield Acknowledged(
                self._kind, each.group_code, each.group_control, each.set_type, each.set_control, each.interchange,
                each.status, each.status in self.accepted, tuple(each.notes),
            )  # fmt: skip

    def _get(self, segment: Segment, element: int) -> list[str]:
        """Components of an element, plain, and empty ones behind."""
        return [*self._delimiters.components(segment.get(element)), "", "", ""]

    def _last(self) -> _Statement:
        """The statement that is being made; what belongs to none is not kept."""
        return self._statements[-1] if self._statements else _Statement()


class _Functional(_Reader):
    """997 and 999: AK1, then AK2 to AK5 (IK5) for each set, then AK9."""

    def __init__(self, taken: TransactionSet) -> None:
        super().__init__(taken)
        self._group = ("", "")
        self.takes = {"AK1": self._take_group, "AK2": self._begin, "AK9": self._end_group}
        for prefix in ("AK", "IK"):
            self.takes |= {f"{prefix}3": self._segment, f"{prefix}4": self._element, f"{prefix}5": self._end}

    def _take_group(self, ak1: Segment) -> None:
        self._group = (_code(ak1.get(1)), _text(ak1.get(2)))

    def _begin(self, ak2: Segment) -> None:
        self._statements.append(_Statement(*self._group, _code(ak2.get(1)), _text(ak2.get(2))))

    def _segment(self, ak3: Segment) -> None:
        self._place = f"segment {_code(ak3.get(2))} {_code(ak3.get(1))}"
        self._last().note("720", _code(ak3.get(4)), self._place)

    def _element(self, ak4: Segment) -> None:
        # AK404 repeats a value of ours, or any other text: it is not taken over.
        place = _position(self._place, *self._get(ak4, 1)[:2])
        self._last().note("723", _code(ak4.get(3)), place)

    def _end(self, ak5: Segment) -> None:
        self._last().status = _code(ak5.get(1))
        for element in range(2, 7):
            self._last().note("718", _code(ak5.get(element)))

    def _end_group(self, ak9: Segment) -> None:
        group = _Statement(*self._group, status=_code(ak9.get(1)))
        for element in range(5, 10):
            group.note("716", _code(ak9.get(element)))
        self._statements.append(group)


class _Contrl(_Reader):
    """UCI, then for each message UCM, UCS and UCD; behind an UCF those of a group."""

    accepted = ACCEPTED_EDIFACT

    def __init__(self, taken: TransactionSet) -> None:
        super().__init__(taken)
        self._interchange = self._group = ""
        self.takes = {
            "UCI": self._begin_interchange, "UCF": self._begin_group, "UCM": self._begin, "UCS": self._segment,
            "UCD": self._element,
        }  # fmt: skip

    def _begin_interchange(self, uci: Segment) -> None:
        self._interchange = _text(self._get(uci, 1)[0])
        self._add(_Statement(), uci, 4)

    def _begin_group(self, ucf: Segment) -> None:
        self._group = _text(self._get(ucf, 1)[0])
        self._add(_Statement(), ucf, 4)

    def _begin(self, ucm: Segment) -> None:
        control, name = self._get(ucm, 1)[0], self._get(ucm, 2)[0]
        self._add(_Statement(set_type=_code(name), set_control=_text(control)), ucm, 3)

    def _add(self, statement: _Statement, segment: Segment, action: int) -> None:
        """With 0083 at ``action``; code, segment and element of an error follow."""
        statement.interchange, statement.group_control = self._interchange, self._group
        statement.status = _code(segment.get(action))
        name = _code(segment.get(action + 2))
        place = _position(name, *_counted(self._get(segment, action + 3)))
        statement.note("0085", _code(segment.get(action + 1)), place)
        self._statements.append(statement)

    def _segment(self, ucs: Segment) -> None:
        self._place = f"segment {_code(ucs.get(1))}"
        self._last().note("0085", _code(ucs.get(2)), self._place)

    def _element(self, ucd: Segment) -> None:
        self._last().note("0085", _code(ucd.get(1)), _position(f"{self._place} ", *_counted(self._get(ucd, 2))))


def _counted(position: list[str]) -> tuple[str, str]:
    """Element and component of S011 as X12 counts: 0098 has the segment tag as 1."""
    element, component = position[0], position[1]
    is_number = element.isascii() and element.isdigit() and len(element) <= CODE_CHARS_MAX
    return str(int(element) - 1) if is_number else "", component


def _position(place: str, element: str, component: str) -> str:
    """``segment 6 QTY01-2``."""
    element, component = _code(element), _code(component)
    return f"{place}{element.zfill(2)}" + (f"-{component}" if component else "") if element else place.strip()


def _text(text: str) -> str:
    return said(text, CONTROL_CHARS_MAX)


def _code(text: str) -> str:
    return said(text, CODE_CHARS_MAX)
