"""The first loop of a shape: what in it steers the reading, what varies, and where that turns up in its facts."""

from __future__ import annotations

import re
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from syncline.edi.documents.elements import PARTS_OF_ITEM, Address, address, name_of
from syncline.edi.documents.shape import SEPARATOR, Pick, Shape
from syncline.edi.tokenizer import Segment
from syncline.landing import Fact

if TYPE_CHECKING:
    from syncline.edi.documents.compile import Plan
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.documents.table import SegmentTable

STEERING_FORMS = ("code", "unit", "count")
# Marks: a character that nobody writes, and numbers that nobody counts to.
MARK, MARKED_QUANTITY, MARKED_ORDINAL = "\ue000", 7 * 10**14, 8 * 10**14
FIRST_MARK = 0xE100
ORDINALS_APART = 10_000
POSITION = Fact._fields.index("position")
_MARKS = re.compile(rf"[78]\d{{14}}|{MARK}.")


class Places:
    """Positions in the elements (components, in EDIFACT) of a loop, put behind each other.

    ``is_special``: it has a segment that is read in a way of its own.
    """

    def __init__(self, plan: Plan, unit: list[Segment], component: str) -> None:
        self._plan, self._unit, self._component = plan, unit, component
        self.steering: list[int] = []
        self.varying: list[int] = []
        self.quantities: list[int] = []
        self.empty: list[int] = []
        self.is_special = False
        self._starts: list[list[int]] = []
        self._texts: list[str] = []
        for segment in unit:
            self._starts.append([])
            for text in segment.elements:
                self._starts[-1].append(len(self._texts))
                self._texts += text.split(component) if component else [text]
        for number, segment in enumerate(unit):
            self.steering.append(self._starts[number][0])
            table = plan.table.segments.get(segment.elements[0])
            if table is not None:
                self._look(number, segment.elements[0], table)

    def marked(self) -> list[Segment]:
        """The loop with a mark in place of each text that varies."""
        texts = self._texts.copy()
        for number, at in enumerate(self.varying):
            is_quantity = number in self.quantities
            texts[at] = str(MARKED_QUANTITY + number) if is_quantity else MARK + chr(FIRST_MARK + number)
        segments = []
        for number, segment in enumerate(self._unit):
            bounds = [*self._starts[number], self._end(number)]
            elements = [self._component.join(texts[a:b]) for a, b in pairwise(bounds)]
            segments.append(Segment(elements, segment.number, segment.offset))
        return segments

    def _look(self, number: int, name: str, table: SegmentTable) -> None:
        told = [self._steers(number, address(text)) in codes for text, codes in table.only.items()]
        if not all(told):
            return
        if table.level is not None or table.spread is not None:
            self.is_special = True
        for text, form in table.elements.items():
            kind = form.rstrip("!")
            if kind in STEERING_FORMS:
                self._steers(number, address(text))
            else:
                self._varies(number, address(text), is_quantity=kind == "decimal")
        qualifier = self._steers(number, address(table.by)) if table.by is not None else ""
        if table.value is not None and f"{name}*{qualifier}" in self._plan.used:
            self._varies(number, address(table.value))
        if table.moment:
            places = [address(text) for text in (*table.moment, *([table.format] if table.format else []))]
            key = f"{name}*{qualifier}" if table.by is not None else name_of(name, places[0])
            if key in self._plan.used:
                for place in places:
                    self._steers(number, place)
        self._ids(number, table)

    def _ids(self, number: int, table: SegmentTable) -> None:
        wanted = {*self._plan.profile.item_qualifiers, *PARTS_OF_ITEM}
        pairs = [(address(by), address(value)) for by, value in table.ids]
        if table.ids_from is not None:
            elements = range(table.ids_from, len(self._starts[number]) - 1, 2)
            pairs += [((each, None), (each + 1, None)) for each in elements]
        for by, value in pairs:
            if self._steers(number, by) in wanted:
                self._varies(number, value)
        if table.upc is not None:
            self._varies(number, address(table.upc))

    def _steers(self, number: int, place: Address) -> str:
        at = self._at(number, place)
        if at is None:
            return ""
        self.steering.append(at)
        return self._texts[at].strip()

    def _varies(self, number: int, place: Address, *, is_quantity: bool = False) -> None:
        at = self._at(number, place)
        if at is None or at in self.varying:
            return
        if not self._texts[at]:
            self.empty.append(at)
            return
        self.varying.append(at)
        if is_quantity:
            self.quantities.append(len(self.varying) - 1)

    def _at(self, number: int, place: Address) -> int | None:
        starts = self._starts[number]
        element, component = place[0], (place[1] or 1) - 1
        if element >= len(starts):
            return None
        at = starts[element] + component
        ends = starts[element + 1] if element + 1 < len(starts) else self._end(number)
        return at if at < ends else None

    def _end(self, number: int) -> int:
        return self._starts[number + 1][0] if number + 1 < len(self._starts) else len(self._texts)


def moulded(
    state: Interpreter, unit: list[Segment], flat: list[str], structure: tuple[int, ...], places: Places
) -> Shape | None:
    """The shape of ``unit``; None where the interpreter finds anything, or where what varies steers all the same."""
    clone = state.cloned()
    names = list(clone.plan.table.loops)
    clone.ordinals = {name: MARKED_ORDINAL + ORDINALS_APART * number for number, name in enumerate(names)}
    before = dict(clone.root.values)
    for segment in places.marked():
        take = clone.handlers.get(segment.elements[0])
        if take is not None:
            take(segment)
        else:
            clone.other(segment)
    clone.leave(1)
    if clone.set.findings or clone.root.values != before:
        return None
    mould = Mould(len(places.varying), names, unit[0].number)
    facts = list(clone.spool)
    fields = [[mould.field(number, value) for number, value in enumerate(fact)] for fact in facts]
    apart = [MARKED_ORDINAL + ORDINALS_APART * number for number in range(len(names))]
    counts = {name: clone.ordinals[name] - base for name, base in zip(names, apart, strict=True)}
    said = [(fact.status_ref, fact.location_ref) for fact in facts]
    return Shape(
        len(unit), structure, tuple([flat[each] for each in places.steering]), _getter(places.steering),
        _getter(places.varying), _getter(places.empty), places.quantities, mould.negated, mould.ordinals, mould.stands,
        SEPARATOR.join(mould.forms), _getter(mould.parts()), [_getter(mould.placed(each)) for each in fields],
        mould.constants, {name: count for name, count in counts.items() if count},
        may_repeat=len(set(said)) < len(said),
    )  # fmt: skip


class Mould:
    """What the fields of facts are made of; a source is a kind and a number in its kind."""

    def __init__(self, texts: int, names: list[str], first: int) -> None:
        self._texts, self._names, self._first = texts, names, first
        self.ordinals: list[tuple[str, int]] = []
        self.stands: list[int] = []
        self.negated: list[int] = []
        self.forms: list[str] = []
        self.constants: list[Any] = []
        self._parts: list[tuple[str, int]] = []

    def field(self, number: int, value: Any) -> tuple[str, int]:
        """Where a field's value comes from."""
        if number == POSITION:
            return self._position(value)
        marks = _MARKS.findall(value) if isinstance(value, str) else []
        if not marks:
            self.constants.append(value)
            return "constant", len(self.constants) - 1
        form = "%s".join(text.replace("%", "%%") for text in _MARKS.split(value))
        sources = [self._source(mark) for mark in marks]
        if form == "%s" and sources[0][0] == "text":
            return sources[0]
        if form == "-%s":
            self.negated.append(sources[0][1])
        return self._composed(form, sources)

    def parts(self) -> list[int]:
        """What fills the forms, by its place in texts, ordinals, and number and byte of the stands."""
        starts = {"text": 0, "ordinal": self._texts, "stand": self._texts + len(self.ordinals)}
        return [starts[kind] + number for kind, number in self._parts]

    def placed(self, fields: list[tuple[str, int]]) -> list[int]:
        """Fields by their place in texts, composed fields and constants."""
        starts = {"text": 0, "form": self._texts, "constant": self._texts + max(1, len(self.forms))}
        return [starts[kind] + number for kind, number in fields]

    def _position(self, value: str) -> tuple[str, int]:
        number, segment_id = value.split()[1:3]
        at = int(number) - self._first
        if at not in self.stands:
            self.stands.append(at)
        stand = 2 * self.stands.index(at)
        return self._composed(f"segment %s {segment_id} at byte %s", [("stand", stand), ("stand", stand + 1)])

    def _composed(self, form: str, sources: list[tuple[str, int]]) -> tuple[str, int]:
        self.forms.append(form)
        self._parts += sources
        return "form", len(self.forms) - 1

    def _source(self, mark: str) -> tuple[str, int]:
        if mark[0] == MARK:
            return "text", ord(mark[1]) - FIRST_MARK
        if mark[0] == "7":
            return "text", int(mark) - MARKED_QUANTITY
        which, number = divmod(int(mark) - MARKED_ORDINAL, ORDINALS_APART)
        ordinal = (self._names[which], number)
        if ordinal not in self.ordinals:
            self.ordinals.append(ordinal)
        return "ordinal", self.ordinals.index(ordinal)


def _getter(positions: list[int]) -> Pick:
    """Always a tuple."""
    if not positions:
        return _nothing
    if len(positions) == 1:
        (only,) = positions
        return lambda flat: (flat[only],)
    return itemgetter(*positions)


def _nothing(flat: list[str]) -> tuple[str, ...]:
    return ()
