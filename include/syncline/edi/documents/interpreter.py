"""One set read by its table: segments in, facts and findings out."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from syncline.edi.documents.loops import Loop
from syncline.edi.documents.shapes import Shapes
from syncline.edi.documents.snapshots import INCREMENTAL
from syncline.edi.findings import Scope, shown
from syncline.edi.moments import minutes_since_2000
from syncline.edi.spool import Spool
from syncline.edi.units import Findings

if TYPE_CHECKING:
    from syncline.edi.blocks import Segment
    from syncline.edi.documents.compile import Plan
    from syncline.edi.documents.elements import Address
    from syncline.edi.units import Take, TransactionSet

# HL of the standard's maximum (856: 200,000), far deeper than shipment, order, tare, pack, item; D.96A has 9,999 QTY
# for an item.
LEVELS_MAX = 200_000
LEVELS_DEEP_MAX = 50
LOOPS_OF_UNIT_MAX = 10_000
# A plausible id: what is not in the table is part of the standard that says nothing about stock.
SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")


class Interpreter:
    """The body of one set. ``spool`` has its facts when it has ended, if nothing is wrong with all of it."""

    def __init__(self, taken: TransactionSet, plan: Plan, spool: Spool) -> None:
        self.set, self.plan, self.spool = taken, plan, spool
        self.root = Loop("set", taken.opener, values={"#set": plan.table.set})
        self.stack = [self.root]
        self.levels: dict[str, Loop] = {}
        self.ordinals: dict[str, int] = {}
        self.totals: dict[str, Decimal] = {}
        self.told: set[str] = set()  # defects that every unit would have
        self.events: set[tuple[object, ...]] = set()  # told so far, where nothing else keeps two lines apart
        self.revision, self.is_cancel = 1, False
        self.snapshot = plan.snapshot()
        self.delimiters = taken.interchange.delimiters
        self._header: Segment | None = None
        self._unread: set[str] = set()
        self.handlers: dict[str, Take] = {name: partial(take, self) for name, take in plan.segments.items()}
        self.units = Shapes(self)

    def cloned(self) -> Interpreter:
        """Another one that has read the same header, with findings and facts of its own."""
        taken = self.set
        clone = Interpreter(replace(taken, findings=Findings()), self.plan, Spool())
        clone.root.values, clone.told = dict(self.root.values), set(self.told)
        clone.revision, clone.is_cancel, clone._header = self.revision, self.is_cancel, self._header
        clone.root.is_broken, clone.snapshot = self.root.is_broken, None
        return clone

    def other(self, segment: Segment) -> None:
        """A segment that the table does not have."""
        name = segment.id
        if name in self._unread:
            return
        if len(self._unread) < 100:
            self._unread.add(name)
        if not SEGMENT_ID.fullmatch(name):
            self.set.find("segment_unknown", f"{shown(name)} is no segment of this standard", segment)
        elif name not in self.plan.table.also:
            self.set.find("segment_unexpected", f"{name} is not known in a {self.set.type}", segment, scope="line")

    def enter(self, name: str, segment: Segment, *, is_optional: bool = False) -> Loop | None:
        """Begin a loop, ending those it does not stand in; None when there is no place for it."""
        allowed, stack = self.plan.table.loops[name], self.stack
        depth = len(stack)
        while depth and stack[depth - 1].name not in allowed:
            depth -= 1
        if not depth and is_optional:
            return None
        if not depth:
            text = f"a {segment.id} before the first {' or '.join(allowed)}"
            self.set.find("segment_misplaced", text, segment)
            return None
        if depth < len(stack):
            self.leave(depth)
        above = stack[-1]
        if above.count >= LOOPS_OF_UNIT_MAX and above is not self.root and name != self.plan.table.unit:
            if not above.is_broken:
                text = f"more than {LOOPS_OF_UNIT_MAX} {name} loops in one {above.name}"
                self.find("too_many_loops", text, above.segment, None, above)
            return None
        ordinal = self.ordinals[name] = self.ordinals.get(name, 0) + 1
        loop = Loop(name, segment, above, {"#" + name: str(ordinal)})
        above.count += 1
        if above is not self.root and name != self.plan.table.unit:
            above.inside.append(loop)  # a unit is told when it ends, and forgotten
        elif above.count > 1 and above is not self.root:
            loop.values[f"again:{name}"] = str(above.count)
        stack.append(loop)
        return loop

    def enter_level(self, name: str, segment: Segment, own: str, parent: str) -> Loop:
        """Begin a loop that says itself which one is above it (HL)."""
        self.leave(1)
        above = self.levels.get(parent, self.root) if parent else self.root
        ordinal = self.ordinals[name] = self.ordinals.get(name, 0) + 1
        loop = Loop(name, segment, above, {f"#{name}": str(ordinal)}, depth=above.depth + 1)
        self.stack.append(loop)
        if loop.depth > LEVELS_DEEP_MAX or len(self.levels) >= LEVELS_MAX:
            loop.above = self.root
            if not self.root.is_broken:
                text = f"more than {LEVELS_MAX} {segment.id}, or {LEVELS_DEEP_MAX} in each other"
                self.find("too_many_loops", text, segment, None, self.root)
            return loop
        if parent and above is self.root:
            text = f"{segment.id}02 {shown(parent)} is no {segment.id} before it"
            self.find("level_unknown", text, segment, (2, None), loop)
        if own in self.levels:
            text = f"{segment.id}01 {shown(own)} was there before: whose children come cannot be known"
            self.find("level_unknown", text, segment, (1, None), self.root)
        elif own:
            self.levels[own] = loop
        return loop

    def leave(self, depth: int) -> None:
        """End the loops below ``depth``; at the end of a unit its facts are made."""
        stack = self.stack
        while len(stack) > depth:
            loop = stack.pop()
            if loop.name == self.plan.table.unit:
                self.plan.tell(self, loop)
                loop.inside = []  # they point at each other, and a large set has a million of them

    def find(
        self, code: str, message: str, segment: Segment, at: Address | None = None, loop: Loop | None = None
    ) -> None:
        """A finding that keeps out ``loop``; the set where that is the set itself; nothing when there is none."""
        scope: Scope = "set" if loop is self.root else "line"
        element, component = at or (None, None)
        self.set.find(code, message, segment, element, scope, component)
        if loop is not None:
            loop.is_broken = True

    def begin(self, segment: Segment) -> bool:
        """The header; whether it is the first one."""
        if self._header is not None:
            self.set.find("header_repeated", f"a second {segment.id}", segment)
            return False
        self._header = segment
        return True

    @property
    def has_header(self) -> bool:
        """Whether its header has come: without it the set is refused, and what only the header says is not missed."""
        return self._header is not None

    def purpose(self) -> None:
        """What the header says it is: the facts of a replacement or a cancellation are revisions."""
        address = self.plan.table.purpose
        code = self.root.values.get(address, "") if address else ""
        action = self.plan.purposes.get(code) if code else "original"
        if action == "cancel" or code in INCREMENTAL:
            self.snapshot = None  # it says itself that it is no snapshot
        if action in ("replace", "cancel"):
            # Nothing counts the corrections of a document: the minute in which one was sent orders them.
            self.revision, self.is_cancel = 2 + minutes_since_2000(*self.set.interchange.prepared), action == "cancel"
        elif action != "original" and self._header is not None and address:
            text = f"{address} {shown(code)} is no original, replacement or cancellation of this document"
            self.set.find("purpose_unsupported", text, self._header, int(address[-2:]), scope="line")
            self.root.is_broken = True

    def end(self) -> None:
        """SE or UNT came."""
        table = self.plan.table
        if self._header is None:
            text = f"the set has no {table.header}" if self.set.opener else ""
            self.set.find("header_missing", text, self.set.opener)
        elif self._header.number != self.set.opener.number + 1:
            text = f"{table.header} is not the first segment of the set"
            self.set.find("header_missing", text, self._header)
        self.leave(1)
        self.plan.check(self)
        if self.revision > 1 and table.unit and not self.ordinals.get(table.unit):
            self.set.find("lines_missing", "it takes back or replaces, but has no line that says what", self.set.opener)
        if self.set.is_rejected:
            self.spool.clear()
