"""A loop of a shape seen before is read by picking: large documents say the same thing a hundred thousand times.

The first loop of a shape is read by the interpreter once more, with a mark in place of everything that may vary (ids,
lots, quantities). Where the marks turn up in its facts, the texts of later loops go. What steers the reading (ids of
segments, qualifiers, codes, units, dates) is part of the shape; whatever is not plainly the same, blanks, signs and
all, goes to the interpreter. A test reads everything both ways.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from syncline.edi.documents.moulding import Places, moulded
from syncline.edi.documents.shape import LOCATION, SEPARATOR, Row, Shape
from syncline.edi.tokenizer import Segment

if TYPE_CHECKING:
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.tokenizer import Run

SHAPES_MAX = 256
SEGMENTS_MAX = 40
MISSES_MAX = 64


class Shapes:
    """The shapes of one set. ``opener``: the segment its loops begin with, empty where nothing is read this way."""

    def __init__(self, state: Interpreter) -> None:
        self._state = state
        self._table = state.plan.table
        self.opener = self._opener()
        self._known: dict[tuple[Any, ...], Shape | None] = {}
        self._last: Shape | None = None
        self._misses = 0
        self._header: dict[str, str] = {}

    def _opener(self) -> str:
        """Only loops that stand in the document itself, and whose facts need nothing but them and the header."""
        table = self._table
        is_plain = not (table.sums or any(each.without for each in table.facts))
        is_plain = is_plain and not self._state.plan.teller.may_share_events
        if table.unit is None or table.loops.get(table.unit) != ("set",) or not is_plain:
            return ""
        return next((name for name, each in table.segments.items() if each.opens == table.unit), "")

    def take(self, run: Run, at: int) -> int:
        """Read whole loops from ``at`` on; where the first one begins that is left to the interpreter."""
        state, end, opener, elements = self._state, len(run), self.opener, run.elements
        state.leave(1)
        if self._header != state.root.values:
            self._known, self._last, self._header = {}, None, dict(state.root.values)
        while True:
            last = self._last
            after = at + (last.size if last is not None else end)
            if after >= end or elements[after][0] != opener:
                after = self._next(elements, at)
            if not after:
                return at
            rows = self._facts(run, at, after)
            if rows is None:
                return at
            state.spool.add_all(rows)
            at = after

    def _next(self, elements: list[list[str]], at: int) -> int:
        """Where the loop behind the one at ``at`` begins; 0 where that is not at hand."""
        for after in range(at + 1, min(len(elements), at + SEGMENTS_MAX)):
            if elements[after][0] == self.opener:
                return after
        return 0

    def _facts(self, run: Run, at: int, after: int) -> list[Row] | None:
        lists = run.elements[at:after]
        delimiters = self._state.delimiters
        if delimiters.syntax == "x12":
            flat = list(chain.from_iterable(lists))
            structure = tuple(map(len, lists))
        else:
            release, component = delimiters.release, delimiters.component
            joined = SEPARATOR.join(chain.from_iterable(lists))
            if release and release in joined:
                lists = self._without_released(lists, release)
                if not lists:
                    return None
                joined = SEPARATOR.join(chain.from_iterable(lists))
            parts = map(str.count, chain.from_iterable(lists), repeat(component))
            structure = (*map(len, lists), *parts)
            flat = joined.replace(component, SEPARATOR).split(SEPARATOR)
        shape = self._last
        if shape is None or structure != shape.structure or shape.steer(flat) != shape.expected:
            unit = [Segment(each, run.number + number, run.offset(number)) for number, each in enumerate(lists, at)]
            shape = self._find(unit, flat, structure)
        if shape is None:
            return None
        rows = shape.facts(run, at, flat, self._state.ordinals)
        if rows is not None and not self._is_covered(shape, flat, rows):
            return None
        if rows is not None:
            self._last, self._misses = shape, 0
            for name, count in shape.counts.items():
                self._state.ordinals[name] = self._state.ordinals.get(name, 0) + count
        return rows

    def _is_covered(self, shape: Shape, flat: list[str], rows: list[Row]) -> bool:
        """Whether a set declared a full snapshot is one of all their locations; their quantities are counted then."""
        snapshot = self._state.snapshot
        if snapshot is None:
            return True
        if not snapshot.covers({str(row[LOCATION]) for row in rows}):
            return False
        if self._table.hash_totals:
            texts = shape.vary(flat)
            snapshot.add(texts[number] for number in shape.quantities)
        return True

    def _without_released(self, lists: list[list[str]], release: str) -> list[list[str]]:
        """Segments that nothing reads may hold released separators: their ids are enough. Empty where others do."""
        bare = []
        for elements in lists:
            is_released = any(release in text for text in elements)
            if is_released and elements[0] in self._table.segments:
                return []
            bare.append(elements[:1] if is_released else elements)
        return bare

    def _find(self, unit: list[Segment], flat: list[str], structure: tuple[int, ...]) -> Shape | None:
        self._misses += 1
        if self._misses > MISSES_MAX:
            self.opener = ""  # they differ too much
            return None
        component = self._state.delimiters.component if self._table.syntax == "edifact" else ""
        places = Places(self._state.plan, unit, component)
        if places.is_special:
            return None
        key = (structure, tuple(places.steering), tuple([flat[each] for each in places.steering]))
        if key not in self._known and len(self._known) < SHAPES_MAX:
            self._known[key] = moulded(self._state, unit, flat, structure, places)
        return self._known.get(key)
