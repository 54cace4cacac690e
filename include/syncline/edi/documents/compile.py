"""A table and a profile made into functions, once: a set is read by calling them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from syncline.edi.documents.elements import Address, Read, address, get_edifact, get_x12, reads_of
from syncline.edi.documents.facts import Teller
from syncline.edi.documents.loops import Loop
from syncline.edi.documents.snapshots import Snapshot
from syncline.edi.findings import shown
from syncline.edi.profiles import PURPOSES, Profile

if TYPE_CHECKING:
    from syncline.edi.blocks import Segment
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.documents.table import DocumentTable, Level, SegmentTable

SPREAD_PAIRS_MAX = 10
TakeIn = Callable[["Interpreter", "Segment"], None]


class Plan:
    """How a document of one partner is read. ``segments``: what is done with each."""

    def __init__(self, table: DocumentTable, profile: Profile, source: str, reading: str) -> None:
        self.table, self.profile = table, profile
        self.purposes = {**PURPOSES, **profile.purposes}
        self.teller = Teller(table, profile, source, reading)
        self._get = get_x12 if table.syntax == "x12" else get_edifact
        self._snapshot_of = profile.snapshots.get(table.name)
        used = self.teller.used | frozenset(table.counts) | frozenset(table.sums) | frozenset(table.sums.values())
        used |= frozenset(table.hash_totals if self._snapshot_of else ())
        self.used = used | frozenset(table.difference or ()) | {table.purpose or ""}
        self.segments: dict[str, TakeIn] = {name: self._take(name, spec) for name, spec in table.segments.items()}

    def snapshot(self) -> Snapshot | None:
        """The proof of one set, where the partner declares the document a full snapshot."""
        return Snapshot(self.table, self._snapshot_of) if self._snapshot_of else None

    def tell(self, state: Interpreter, unit: Loop) -> None:
        """Facts of a unit that has ended, and what is wrong in it."""
        if state.snapshot is not None:
            state.snapshot.add_unit(unit)
        for total, part in self.table.sums.items():
            for loop in unit.walk():
                if part in loop.values:
                    state.totals[total] = state.totals.get(total, Decimal(0)) + Decimal(loop.values[part])
        self._check_difference(state, unit)
        self.teller.tell(state, unit)

    def _check_difference(self, state: Interpreter, unit: Loop) -> None:
        said = [unit.values[name] for name in self.table.difference or () if name in unit.values]
        if len(said) == 3:
            ordered, done, still_open = map(Decimal, said)
            if abs(ordered - done) != abs(still_open):  # both signs are in use
                text = f"{ordered} ordered less {done} are not {still_open}"
                state.set.find("total_differs", text, unit.segment, scope="line")

    def check(self, state: Interpreter) -> None:
        """Counts and sums that the set states of itself."""
        said = state.root.values
        for key, loop in self.table.counts.items():
            counted = str(state.ordinals.get(loop, 0))
            if key in said and said[key].lstrip("0") != counted.lstrip("0"):
                text = f"{key} says {shown(said[key])} of {loop}, {counted} are there: incomplete"
                state.set.find("line_count", text, state.set.opener)
        for key, total in state.totals.items():
            if key in said and Decimal(said[key]) != total:
                text = f"{key} says {said[key]}, the lines add up to {total}"
                state.set.find("total_differs", text, state.set.opener, scope="line")
        if state.snapshot is not None:
            state.snapshot.check(state)

    def _take(self, name: str, spec: SegmentTable) -> TakeIn:
        reads = reads_of(name, spec, self.table.syntax, self.profile, self.used)
        if name == self.table.header:
            return _header(reads)
        if spec.level is not None:
            return self._level(spec.level, reads)
        if spec.spread is not None:
            return self._spread(spec)
        if spec.opens is not None:
            return _opening(spec.opens, reads, is_optional=spec.is_optional)
        if not reads:
            return _nothing
        return _giving(reads, frozenset(spec.into))

    def _level(self, level: Level, reads: list[Read]) -> TakeIn:
        own, parent, code = address(level.id), address(level.parent), address(level.code)
        get = self._get

        def take(state: Interpreter, segment: Segment) -> None:
            name = level.loops.get(get(state, segment, code), "other")
            loop = state.enter_level(name, segment, get(state, segment, own), get(state, segment, parent))
            for read in reads:
                read(state, loop, segment)

        return take

    def _spread(self, spec: SegmentTable) -> TakeIn:
        assert spec.spread is not None
        unit, first = address(spec.spread[0]), address(spec.spread[1])[0]
        get = self._get

        def take(state: Interpreter, segment: Segment) -> None:
            uom = get(state, segment, unit)
            for number in range(SPREAD_PAIRS_MAX):
                at: Address = (first + 2 * number, None)
                location, quantity = get(state, segment, at), get(state, segment, (at[0] + 1, None))
                if not location and not quantity:
                    continue
                loop = state.enter("spread", segment)
                if loop is None:
                    break
                self.teller.spread(state, loop, segment, at, (location, quantity, uom))

        return take


def _header(reads: list[Read]) -> TakeIn:
    def take(state: Interpreter, segment: Segment) -> None:
        if state.begin(segment):
            for read in reads:
                read(state, state.root, segment)
            state.purpose()

    return take


def _opening(name: str, reads: list[Read], *, is_optional: bool) -> TakeIn:
    def take(state: Interpreter, segment: Segment) -> None:
        loop = state.enter(name, segment, is_optional=is_optional)
        if loop is not None:
            for read in reads:
                read(state, loop, segment)

    return take


def _giving(reads: list[Read], into: frozenset[str]) -> TakeIn:
    def take(state: Interpreter, segment: Segment) -> None:
        loop = state.stack[-1]
        if into and loop.name not in into:
            for loop in reversed(state.stack):
                if loop.name in into:
                    break
            else:
                # Before the first loop: what comes is one place off, and so may be everything behind it.
                nobody = state.root if len(state.stack) == 1 else None
                text = f"a {segment.id} outside of any {' or '.join(sorted(into))}"
                state.find("segment_misplaced", text, segment, None, nobody)
                return
        for read in reads:
            read(state, loop, segment)

    return take


def _nothing(state: Interpreter, segment: Segment) -> None:
    """A segment of the standard that says nothing about stock."""
