"""A loop as a pattern of its raw text: what steers its reading to the letter, and groups for what varies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from syncline.edi.blocks import Segment
from syncline.edi.delimiters import BLANKS, BREAKS, MASK, Delimiters
from syncline.edi.documents.elements import PARTS_OF_ITEM, Address, address, name_of
from syncline.edi.documents.forms import FORMS

if TYPE_CHECKING:
    from syncline.edi.documents.compile import Plan
    from syncline.edi.documents.table import SegmentTable

STEERING_FORMS = ("code", "unit", "count")
# With so many texts of so many characters a segment is never longer than one may be.
TEXTS_MAX, TEXT_CHARS_MAX = 200, 80
UNREAD_CHARS_MAX, UNREAD_RELEASED_MAX = 400, 20
NOT_ZERO = "(?=[0.]*[1-9])"
_QUANTITY = FORMS["decimal"].pattern.pattern.removeprefix("-?").replace("(", "(?:")


class Places:
    """Positions in the elements (components, in EDIFACT) of a loop, put behind each other.

    ``is_special``: it has a segment that is read in a way of its own, or texts too many or too long.
    """

    def __init__(self, plan: Plan, unit: list[Segment], delimiters: Delimiters) -> None:
        self._plan, self._unit, self._delimiters = plan, unit, delimiters
        self._component = delimiters.component if delimiters.syntax == "edifact" else ""
        self.varying: list[int] = []
        self.quantities: set[int] = set()
        self.is_special = False
        self._literal: set[int] = set()  # what steers, and what varies elsewhere and is empty here
        self._starts: list[list[int]] = []
        self._texts: list[str] = []
        for segment in unit:
            self._starts.append([])
            for text in segment.elements:
                self._starts[-1].append(len(self._texts))
                self._texts += text.split(self._component) if self._component else [text]
        for number, segment in enumerate(unit):
            self._literal.add(self._starts[number][0])
            table = plan.table.segments.get(segment.elements[0])
            if table is not None:
                self._look(number, segment, table)
            elif segment.id != segment.elements[0] or self._is_released(segment.id):
                self.is_special = True
        self.varying = [at for at in self.varying if at not in self._literal]
        self._number_of = {at: number for number, at in enumerate(self.varying)}
        is_long = any(len(self._texts[at]) > TEXT_CHARS_MAX for at in self._literal)
        self.is_special = self.is_special or is_long or len(self._texts) > TEXTS_MAX

    def marked(self, marks: list[str]) -> list[Segment]:
        """The loop with a mark in place of each text that varies."""
        texts = self._texts.copy()
        for at, mark in zip(self.varying, marks, strict=True):
            texts[at] = mark
        return [
            Segment([self._component.join(texts[a:b]) for a, b in self._bounds(number)], segment.number, segment.offset)
            for number, segment in enumerate(self._unit)
        ]

    def pattern(
        self, used: Collection[int] = (), stands: Collection[int] = (), not_zero: Collection[int] = ()
    ) -> tuple[str, list[tuple[str, int]]]:
        """Matches a loop of this shape, where another one begins behind it, up to there. And what its groups are.

        Nothing in it can be read in two ways: it never looks back.

        Args:
            used: which of those that vary are groups (``text``). stands: segments whose begin is one (``byte``).
            not_zero: which of those that vary must not be zero.
        """
        delimiters = self._delimiters
        groups: list[tuple[str, int]] = []
        # Without the terminator, a line break where lines end segments: behind each other they end an empty one.
        blank = f"[{re.escape(BLANKS.replace(delimiters.terminator, ''))}]*+"
        between, end = re.escape(delimiters.element), re.escape(delimiters.terminator)
        pattern = ""
        for number, segment in enumerate(self._unit):
            pattern += blank
            if number in stands:
                groups.append(("byte", number))
                pattern += "()"
            if segment.elements[0] in self._plan.table.segments:
                pattern += between.join(self._elements(number, groups, used, not_zero))
            else:
                pattern += re.escape(segment.elements[0])
                pattern += between + self._unread() if len(segment.elements) > 1 else ""
            pattern += end
        opener = re.escape(self._unit[0].elements[0])
        return f"{pattern}(?={blank}{opener}(?:{between}|{end}))", groups

    def _elements(
        self, number: int, groups: list[tuple[str, int]], used: Collection[int], not_zero: Collection[int]
    ) -> Iterator[str]:
        """The elements of a segment that is read; the groups among them are added to ``groups``."""
        for a, b in self._bounds(number):
            parts = []
            for at in range(a, b):
                varying = self._number_of.get(at, -1)
                text = self._text(at, is_not_zero=varying in not_zero)
                if varying in used:
                    groups.append(("text", varying))
                    text = f"({text})"
                parts.append(text)
            yield re.escape(self._component).join(parts)

    def _text(self, at: int, *, is_not_zero: bool) -> str:
        if at in self._literal:
            return re.escape(self._texts[at])
        if at not in self._number_of:
            return f"[^{self._separators()}{MASK}{BREAKS}]{{0,{TEXT_CHARS_MAX}}}+"
        if at in self.quantities:
            return (NOT_ZERO if is_not_zero else "") + _QUANTITY
        return f"[^{self._separators()}\\x00-\\x20\\x7f]{{1,{TEXT_CHARS_MAX}}}+"

    def _unread(self) -> str:
        """All the rest of a segment that nothing reads: its separators may be released."""
        delimiters = self._delimiters
        text = f"[^{re.escape(delimiters.terminator + delimiters.release)}{MASK}{BREAKS}]{{0,{UNREAD_CHARS_MAX}}}+"
        if not delimiters.release:
            return text
        return f"{text}(?:{re.escape(delimiters.release)}[^{MASK}{BREAKS}]{text}){{0,{UNREAD_RELEASED_MAX}}}+"

    def _separators(self) -> str:
        delimiters = self._delimiters
        return re.escape(delimiters.element + self._component + delimiters.terminator + delimiters.release)

    def _is_released(self, text: str) -> bool:
        return self._delimiters.release != "" and self._delimiters.release in text

    def _bounds(self, number: int) -> list[tuple[int, int]]:
        """Where each element of a segment begins and ends."""
        return list(pairwise([*self._starts[number], self._end(number)]))

    def _look(self, number: int, segment: Segment, table: SegmentTable) -> None:
        name = segment.elements[0]
        if any(map(self._is_released, segment.elements)):
            self.is_special = True
            return
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
        self._literal.add(at)
        return self._texts[at].strip()

    def _varies(self, number: int, place: Address, *, is_quantity: bool = False) -> None:
        at = self._at(number, place)
        if at is None or at in self.varying:
            return
        if not self._texts[at]:
            self._literal.add(at)
            return
        self.varying.append(at)
        if is_quantity:
            self.quantities.add(at)

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
