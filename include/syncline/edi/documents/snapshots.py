"""A set that is declared a full snapshot of a warehouse (``Profile.snapshots``) must prove that all of it is there.

What a snapshot leaves out may come to mean zero (semantics §8), so one that is cut must never pass for a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from syncline.edi.documents.forms import FORMS
from syncline.edi.findings import shown

if TYPE_CHECKING:
    from syncline.edi.blocks import Segment
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.documents.loops import Loop
    from syncline.edi.documents.table import DocumentTable

INCREMENTAL = frozenset({"25"})  # element 353: says itself that it is not all
HASH_DIGITS_MAX = 10  # element 347 of 004010
SHOWN_MAX = 5


class Snapshot:
    """The proof of one set, gathered while it is read. ``named``: declared locations that its facts are about."""

    def __init__(self, table: DocumentTable, declared: tuple[str, ...]) -> None:
        self._table, self._declared = table, frozenset(declared)
        self.named: set[str] = set()
        self._added = Decimal(0)
        self._hashed = 0

    def covers(self, locations: set[str]) -> bool:
        """Whether all of them are declared; if so they are named."""
        if not locations <= self._declared:
            return False
        self.named |= locations
        return True

    def add(self, quantities: Iterable[str]) -> None:
        """Count quantities, as written, into the totals."""
        for text in quantities:
            self._added += Decimal(text)
            self._hashed += int(text.lstrip("-").replace(".", ""))

    def add_unit(self, unit: Loop) -> None:
        """Count the quantities of a unit, those of its lines that are kept out too."""
        for part in self._table.hash_totals.values():
            self.add(loop.values[part] for loop in _all(unit) if part in loop.values)

    def refuse(self, state: Interpreter, location: str, segment: Segment) -> None:
        """A fact is about a location that is not declared."""
        _unproven(state, f"the location {shown(location)} is none that it is declared a full snapshot of", segment)

    def check(self, state: Interpreter) -> None:
        """At the end of the set: its count must be there (that it agrees is asked of every set), its totals right."""
        said, opener = state.root.values, state.set.opener
        for key, loop in self._table.counts.items():
            if key not in said:
                _unproven(state, f"declared a full snapshot, it has no {key} that counts its {loop} loops", opener)
        for key in self._table.hash_totals:
            if key in said and not self._agrees(said[key]):
                text = f"{key} says {shown(said[key])}, the quantities add up to {self._added}: incomplete"
                _unproven(state, text, opener)
        if self.named or state.set.is_rejected:
            return
        home = state.plan.teller.location_of(said)
        if not self.covers({home}):
            told = f"the location {shown(home)}" if home else "no location"
            _unproven(state, f"it names {told}, and none that it is declared a full snapshot of", opener)

    def _agrees(self, total: str) -> bool:
        """By X12 the sum of all digits without signs and points, cut on the left; many partners just add up."""
        if not FORMS["decimal"].fits(total):
            return False
        if Decimal(total) == self._added:
            return True
        return self._table.syntax == "x12" and total == str(self._hashed % 10**HASH_DIGITS_MAX)


def _all(loop: Loop) -> Iterator[Loop]:
    yield loop
    for each in loop.inside:
        yield from _all(each)


def _unproven(state: Interpreter, text: str, segment: Segment) -> None:
    """Refuses the set, each defect told once."""
    if text not in state.told:
        state.told.add(text)
        step = f"have it sent whole, or correct `snapshots.{state.plan.table.name}` of the profile"
        state.find("snapshot_unproven", f"{text}; {step}", segment, None, state.root)
