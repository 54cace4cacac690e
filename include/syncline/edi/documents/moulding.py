"""The first loop of a shape: what in it steers the reading, what varies, and where that turns up in its facts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from syncline.edi.documents.shape import SEPARATOR, Shape
from syncline.landing import Fact

if TYPE_CHECKING:
    from syncline.edi.blocks import Segment
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.documents.pattern import Places

# Marks: a character that nobody writes, and numbers that nobody counts to.
MARK, MARKED_QUANTITY, MARKED_ORDINAL = "\ue000", 7 * 10**14, 8 * 10**14
FIRST_MARK = 0xE100
ORDINALS_APART = 10_000
POSITION = Fact._fields.index("position")
_MARKS = re.compile(rf"[78]\d{{14}}|{MARK}.")
Source = tuple[str, Any]


def moulded(state: Interpreter, unit: list[Segment], places: Places) -> Shape | None:
    """The shape of ``unit``; None where the interpreter finds anything, or where what varies steers all the same."""
    names = list(state.plan.table.loops)
    bases = {name: MARKED_ORDINAL + ORDINALS_APART * number for number, name in enumerate(names)}
    marks = [
        str(MARKED_QUANTITY + number) if at in places.quantities else MARK + chr(FIRST_MARK + number)
        for number, at in enumerate(places.varying)
    ]
    read = facts_of(state, places.marked(marks), bases)
    if read is None:
        return None
    facts, after = read
    if any(map(_MARKS.search, state.root.values.values())):
        return None
    mould = Mould(names, unit[0].number)
    rows = [[mould.field(number, value) for number, value in enumerate(fact)] for fact in facts]
    counts = {name: after[name] - base for name, base in bases.items() if after[name] > base}
    said = {(fact.status_ref, fact.location_ref) for fact in facts}
    return mould.shape(places, len(unit), rows, counts, may_repeat=len(said) < len(facts))


def facts_of(
    state: Interpreter, unit: list[Segment], ordinals: dict[str, int]
) -> tuple[list[Fact], dict[str, int]] | None:
    """What the interpreter makes of one loop, and the ordinals behind it; None where it finds anything."""
    clone = state.cloned()
    clone.ordinals = dict(ordinals)
    before = dict(clone.root.values)
    for segment in unit:
        take = clone.handlers.get(segment.elements[0])
        if take is not None:
            take(segment)
        else:
            clone.other(segment)
    clone.leave(1)
    if clone.set.findings or clone.root.values != before:
        return None
    return list(clone.spool), clone.ordinals


class Mould:
    """What the fields of facts are made of; a source is a kind, and a number in its kind."""

    def __init__(self, names: list[str], first: int) -> None:
        self._names, self._first = names, first
        self._forms: list[str] = []
        self._parts: list[Source] = []
        self._negated: set[int] = set()

    def field(self, number: int, value: Any) -> Source:
        """Where a field's value comes from."""
        if number == POSITION:
            segment, segment_id = value.split()[1:3]
            at = int(segment) - self._first
            return self._composed(f"segment %s {segment_id} at byte %s", [("stand", at), ("byte", at)])
        marks = _MARKS.findall(value) if isinstance(value, str) else []
        if not marks:
            return "constant", value
        form = "%s".join(text.replace("%", "%%") for text in _MARKS.split(value))
        sources = [self._source(mark) for mark in marks]
        if form == "%s" and sources[0][0] == "text":
            return sources[0]
        if form == "-%s":
            self._negated.add(sources[0][1])
        return self._composed(form, sources)

    def shape(
        self, places: Places, size: int, rows: list[list[Source]], counts: dict[str, int], *, may_repeat: bool
    ) -> Shape:
        """The shape of these facts: what turns up in them, and quantities, are groups of its pattern."""
        used = [*self._parts, *(source for row in rows for source in row)]
        quantities = {number for number, at in enumerate(places.varying) if at in places.quantities}
        pattern, groups = places.pattern(
            {number for kind, number in used if kind == "text"} | quantities,
            {number for kind, number in used if kind == "byte"},
            self._negated,
        )
        ordinals, stands = (sorted({each for each in used if each[0] == kind}) for kind in ("ordinal", "stand"))
        order = [*groups, *ordinals, *stands, *(("form", number) for number in range(len(self._forms)))]
        at = {source: number for number, source in enumerate(order)}
        constants = [value for row in rows for kind, value in row if kind == "constant"]
        constant = iter(range(len(order), len(order) + len(constants)))
        return Shape(
            re.compile(pattern), size, counts, [kind == "byte" for kind, _ in groups],
            [number for _, number in ordinals], [number for _, number in stands],
            SEPARATOR.join(self._forms), [at[part] for part in self._parts],
            [[next(constant) if each[0] == "constant" else at[each] for each in row] for row in rows],
            constants, [at["text", number] for number in sorted(quantities)], may_repeat,
        )  # fmt: skip

    def _composed(self, form: str, sources: list[Source]) -> Source:
        self._forms.append(form)
        self._parts += sources
        return "form", len(self._forms) - 1

    def _source(self, mark: str) -> Source:
        if mark[0] == MARK:
            return "text", ord(mark[1]) - FIRST_MARK
        if mark[0] == "7":
            return "text", int(mark) - MARKED_QUANTITY
        which, number = divmod(int(mark) - MARKED_ORDINAL, ORDINALS_APART)
        return "ordinal", (self._names[which], number)
