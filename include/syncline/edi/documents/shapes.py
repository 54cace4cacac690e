"""Loops of a shape seen before are read from the raw text: large documents say the same thing a hundred thousand times.

A loop of a shape is read by the interpreter once more, with a mark in place of everything that may vary (ids, lots,
quantities). Where the marks turn up in its facts, the texts of later loops go. What steers the reading (ids of
segments, qualifiers, codes, units, dates) stands in the pattern of the shape to the letter; whatever is not plainly
the same, blanks, signs, releases and all, goes to the interpreter. A test reads everything both ways.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from syncline.edi.blocks import Segment
from syncline.edi.documents.moulding import facts_of, moulded
from syncline.edi.documents.pattern import Places
from syncline.edi.documents.shape import Shape

if TYPE_CHECKING:
    from syncline.edi.blocks import Block, Run
    from syncline.edi.documents.interpreter import Interpreter

SHAPES_MAX = 64
SEGMENTS_MAX = 40
MISSES_MAX = 64
SEEN_MAX = 1_000


class Shapes:
    """The shapes of one set. ``opener``: the segment its loops begin with, empty where nothing is read this way."""

    def __init__(self, state: Interpreter) -> None:
        self._state = state
        self._table = state.plan.table
        self.opener = self._opener()
        self._known: list[Shape] = []  # the one of the last loop first
        self._seen: dict[str, bool] = {}  # a pattern, and whether its shape was sought
        self._sought = self._misses = 0
        self._header: tuple[Any, ...] = ()

    def _opener(self) -> str:
        """Only loops that stand in the document itself, and whose facts need nothing but them and the header."""
        table, delimiters = self._table, self._state.delimiters
        is_plain = not (table.sums or any(each.without for each in table.facts))
        is_plain = is_plain and not self._state.plan.teller.may_share_events
        separators = (delimiters.element, delimiters.component, delimiters.terminator, delimiters.release)
        # A point that separates would stand in a quantity, too.
        is_plain = is_plain and not any(each.isalnum() or each in (".", "-") for each in separators)
        if table.unit is None or table.loops.get(table.unit) != ("set",) or not is_plain:
            return ""
        return next((name for name, each in table.segments.items() if each.opens == table.unit), "")

    def take(self, block: Block, run: Run, at: int) -> Segment | None:
        """Read the loops of known shapes from segment ``at`` of ``run`` on; the last segment of them."""
        state = self._state
        state.leave(1)
        header = (state.root.values, state.root.is_broken, state.revision, state.is_cancel)
        if self._header != header:
            self._known, self._seen, self._header = [], {}, (dict(state.root.values), *header[1:])
        place, number, last = run.place(at), run.number + at, None
        while found := self._find(block, place, number):
            last, place = found[-1], found[-1].end()
            number += len(found) * self._known[0].size
        if last is not None:
            self._misses = 0
            return block.use(last.start(), place, number)
        self._misses += 1
        if self._misses > MISSES_MAX:
            self.opener = ""  # they differ too much
        else:
            self._learn(block, run, at)
        return None

    def _find(self, block: Block, place: int, number: int) -> list[re.Match[str]]:
        """Loops of one shape behind each other; their facts are told."""
        state = self._state
        for rank, shape in enumerate(self._known):
            found = shape.find(block.text, place)
            if not found:
                continue
            told = shape.told(found, number, block.offset, state.ordinals)
            plain = shape.plain(told, state.snapshot)
            if plain < len(found):
                found = found[:plain]
                if not found:
                    return []
                told = shape.told(found, number, block.offset, state.ordinals)
            if shape.rows:
                state.spool.add_told(shape.facts, told, len(found) * len(shape.rows))
            if state.snapshot is not None and self._table.hash_totals:
                state.snapshot.add(chain.from_iterable(told[3][group] for group in shape.quantities))
            state.ordinals = shape.counted(state.ordinals, len(found))
            self._known.insert(0, self._known.pop(rank))
            return found
        return []

    def _learn(self, block: Block, run: Run, at: int) -> None:
        """The shape of a loop, when it comes for the second time: the first may be the only one."""
        ends = range(at + 1, min(len(run), at + SEGMENTS_MAX))
        after = next((each for each in ends if run.elements[each][0] == self.opener), None)
        if after is None or self._sought >= SHAPES_MAX:
            return
        unit = [run.segment(each) for each in range(at, after)]
        places = Places(self._state.plan, unit, self._state.delimiters)
        key = "" if places.is_special else places.pattern()[0]
        if self._seen.get(key) is False:
            self._seen[key] = True
            self._sought += 1
            shape = moulded(self._state, unit, places)
            if shape is not None and self._is_right(shape, unit, block, run.place(at)):
                self._known.insert(0, shape)
        elif key and len(self._seen) < SEEN_MAX:
            self._seen.setdefault(key, False)

    def _is_right(self, shape: Shape, unit: list[Segment], block: Block, place: int) -> bool:
        """Whether the shape reads of its own loop what the interpreter does."""
        before = self._state.ordinals
        found, read = shape.find(block.text, place)[:1], facts_of(self._state, unit, before)
        if not found or read is None:
            return False
        told = shape.told(found, unit[0].number, block.offset, before)
        return (list(shape.facts(told)) if shape.rows else []) == read[0] and read[1] == shape.counted(before, 1)
