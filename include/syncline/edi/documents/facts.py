"""What the loops of a document say about stock (semantics §1): balances and movements with their keys."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncline.edi.documents.elements import AMBIGUOUS
from syncline.edi.documents.forms import FORMS
from syncline.edi.documents.links import Linked
from syncline.edi.findings import shown
from syncline.edi.moments import localised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncline.edi.blocks import Segment
    from syncline.edi.documents.elements import Address
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.documents.loops import Loop
    from syncline.edi.documents.table import Code, DocumentTable, FactTable, Measure
    from syncline.edi.profiles import Profile

ENTITIES = ("N1", "NAD", "LOC")
SPREAD_LOCATION, SPREAD_QUANTITY, SPREAD_UNIT = "SPREAD*location", "SPREAD*quantity", "SPREAD*unit"
Values = dict[str, str]
Row = tuple[object, ...]
Place = tuple[str, str, str]
_MISSING = object()


class Part:
    """A part of a key: the first of some values; ``own`` is looked up in the loop itself only."""

    def __init__(self, text: str) -> None:
        self.is_optional = text.endswith("?")
        text = text.rstrip("?")
        self.is_own = text.startswith("own:")
        self.names = tuple(text.removeprefix("own:").split("|"))

    def of(self, loop: Loop, values: Values) -> str:
        """Its text; empty when nothing is said."""
        said = loop.values if self.is_own else values
        for name in self.names:
            if name in said:
                return "" if said[name] == AMBIGUOUS else said[name]
        return ""


class Rule:
    """One table of facts with what the profile says over it."""

    def __init__(self, table: FactTable, codes: dict[str, Code], links: Linked) -> None:
        self.table, self.codes, self.links = table, codes, links
        self.quantity, self.by, self.location = table.quantity, table.by, table.location
        self.is_conditional = bool(table.given or table.only or table.unless)
        self.is_balance_by_code = table.kind == "balance" and table.by is not None


class Teller:
    """Makes the facts of one document and partner. ``used``: the values that it looks at."""

    def __init__(self, table: DocumentTable, profile: Profile, source: str, reading: str) -> None:
        self._table, self._profile, self._source, self._reading = table, profile, source, reading
        entities = tuple(f"{segment}*{entity}" for entity in profile.location_entities for segment in ENTITIES)
        self._location = entities or table.location
        qualifiers = tuple(f"DTM*{qualifier}" for qualifier in profile.as_of_qualifiers)
        if not any(rule.kind == "balance" for rule in table.facts):
            qualifiers = ()  # a movement has no as-of
        # The header's own date stays the last resort.
        self._recorded = (*qualifiers, *table.recorded[-1:]) if qualifiers else table.recorded
        self._items = tuple(f"ITEM*{qualifier}" for qualifier in profile.item_qualifiers)
        self._places = frozenset((*self._items, *self._location, *self._recorded))
        self._line = [Part(text) for text in table.line]
        self._event = [Part(text) for text in profile.events.get(table.name, table.event)]
        overrides = profile.codes.get(table.name, {})
        codes = {name: {**codes, **overrides.get(name, {})} for name, codes in table.codes.items()}
        self._rules: dict[str, list[Rule]] = {}
        for each in table.facts:
            self._rules.setdefault(each.per, []).append(
                Rule(each, codes[each.codes] if each.codes else {}, Linked(table, each, profile))
            )
        self._is_of_movements = all(rule.kind == "movement" for rule in table.facts)
        # Where no ordinal is in the event key, two lines may come to share it.
        self.may_share_events = bool(self._event) and not any(f"#{table.unit}" in part.names for part in self._event)
        self.used = self._used()

    def _used(self) -> frozenset[str]:
        table = self._table
        named = {*self._location, *self._recorded, *table.uom, *table.lot, table.correlation or ""}
        for rule in table.facts:
            named |= {rule.quantity, rule.by or "", rule.given or "", *rule.only, *rule.unless}
            named |= {*(rule.location or ()), *(rule.uom or ())}
        for each in (each for rules in self._rules.values() for each in rules):
            named |= each.links.used
        for part in (*self._line, *self._event):
            named |= set(part.names)
        return frozenset(named)

    def location_of(self, values: Values) -> str:
        """The location that is said, or the profile's; empty without one."""
        return _first(self._location, values, self._profile.location)

    def tell(self, state: Interpreter, unit: Loop) -> None:
        """Add the facts of ``unit`` and of the loops in it."""
        if not self._rules or unit.is_in_broken():
            return
        loops = self._loops(state, unit)
        told: set[str] = set()  # a defect of the unit is told once, not for each of its quantities
        found: list[tuple[Loop, Row]] = []
        values = unit.all_values()
        of_unit: Place | None = None
        for loop in loops:
            of_loop = values if loop is unit else {**values, **loop.values} if loop.above is unit else loop.all_values()
            place = of_unit
            if place is None or loop.above is not unit or not self._places.isdisjoint(loop.values):
                place = self._place(state, loop, of_loop, told)
                if loop is unit or self._places.isdisjoint(loop.values):
                    of_unit = place
            for rule in self._rules[loop.name]:
                if loop.is_broken:
                    break
                self._facts(state, rule, loop, of_loop, place, told, found)
        if loops and self._is_whole(state, unit, values):
            self._add(state, found)

    def _loops(self, state: Interpreter, unit: Loop) -> list[Loop]:
        """Those that tell something."""
        loops = [loop for loop in unit.walk() if loop.name in self._rules]
        if not loops and not unit.inside:
            state.find("quantity_missing", "the item has no quantity", unit.segment, None, unit)
        if self._has_spread(loops):
            loops = self._one_of_both(state, unit, loops)
        return loops

    def _is_whole(self, state: Interpreter, unit: Loop, values: Values) -> bool:
        """Whether a unit says what it must: half of a movement is another one (received, not how much is broken)."""
        if unit.is_broken:
            return False
        if self._is_of_movements and any(loop.is_broken for loop in unit.inside):
            text = "a part of the line cannot be read, so nothing of it counts"
            state.find("line_incomplete", text, unit.segment, None, unit)
            return False
        of_unit = self._rules.get(unit.name)
        if of_unit and not any(values.get(rule.quantity) for rule in of_unit):
            state.find("quantity_missing", "the line has no quantity", unit.segment, None, unit)
            return False
        return True

    def _has_spread(self, loops: list[Loop]) -> bool:
        return "spread" in self._rules and len({loop.name for loop in loops}) > 1

    def _place(self, state: Interpreter, loop: Loop, values: Values, told: set[str]) -> Place:
        """Item, location and moment; each is empty where nothing says it."""
        return _first(self._items, values), self.location_of(values), self._moment(state, loop, values, told)

    def _one_of_both(self, state: Interpreter, unit: Loop, loops: list[Loop]) -> list[Loop]:
        """Quantities by location beside a total: which is part of which is for the profile to say."""
        choice = self._profile.spread_beside_total
        if choice == "refuse":
            text = "the item has quantities by location (SDQ) and a total: they must not be added"
            state.find("spread_beside_total", text, unit.segment, None, unit)
            return []
        return [loop for loop in loops if (loop.name == "spread") == (choice == "spread")]

    def spread(self, state: Interpreter, loop: Loop, segment: Segment, at: Address, told: tuple[str, str, str]) -> None:
        """The values of a loop that a pair of an SDQ makes."""
        location, quantity, uom = told
        for name, value, form, element in (
            (SPREAD_LOCATION, location, "text", at[0]),
            (SPREAD_QUANTITY, quantity, "decimal", at[0] + 1),
            (SPREAD_UNIT, uom, "unit", 1),
        ):
            if value and FORMS[form].fits(value):
                loop.values[name] = value
            elif value or name != SPREAD_UNIT:
                code = "element_form" if value else "element_missing"
                text = f"{segment.id}{element:02d} is {shown(value)}, not {FORMS[form].name}"
                state.find(code, text, segment, (element, None), loop)

    def _facts(
        self, state: Interpreter, rule: Rule, loop: Loop, values: Values, place: Place, told: set[str],
        found: list[tuple[Loop, Row]],
    ) -> None:  # fmt: skip
        quantity = values.get(rule.quantity)
        if not quantity or (rule.is_conditional and not _is_told(rule.table, loop, values)):
            return
        measures = self._measures(state, rule, loop, values, quantity)
        if not measures:
            return
        item, location, recorded = place
        if rule.location is not None:
            location = _first(rule.location, values, self._profile.location)
        uom = _first(rule.table.uom or self._table.uom, values, self._profile.default_uom)
        if not (item and location and recorded and uom):
            self._missing(state, loop, (item, location, recorded, uom), told)
            return
        lot = next((values[name] for name in self._table.lot if name in values), None)
        if lot == AMBIGUOUS:
            return  # told where it was read
        if any(not part.is_optional and not part.of(loop, values) for part in self._line):
            _miss(state, loop, "reference_missing", "the document has no number that tells its lines apart", told)
            return
        line_key, event_key = self._keys(rule, loop, values)
        segment, taken = loop.segment, state.set
        position = f"segment {segment[1]} {segment[0][0].strip()} at byte {segment[2]}"
        units, table, links = self._profile.units, self._table, rule.links.of(values)
        for measure, signed in measures:
            row = (
                rule.table.kind, item, location, measure, units.get(uom, uom), signed, recorded, line_key, event_key,
                position, self._reading, lot, state.revision, state.is_cancel, None,
                taken.is_test, values.get(table.correlation or ""), None, None, None, None, *links, None, None,
                rule.links.reason_of(values),
            )  # fmt: skip
            found.append((loop, row))

    def _missing(self, state: Interpreter, loop: Loop, said: tuple[str, str, str, str], told: set[str]) -> None:
        item, location, recorded, uom = said
        for value, code, message in (
            (item, "item_missing", "no id by a qualifier that the profile knows"),
            (location, "location_missing", f"nothing of {', '.join(self._location)} names the location"),
            (recorded, "moment_missing", f"nothing of {', '.join(self._recorded)} says when"),
        ):
            if not value:
                _miss(state, loop, code, message, told)
        if not uom and (key := f"uom_missing {loop.segment.number}") not in told:
            told.add(key)
            state.find("uom_missing", "nothing names the unit of the quantity", loop.segment)

    def _keys(self, rule: Rule, loop: Loop, values: Values) -> tuple[str, str]:
        """Line key and event key. A statement is no event: its own line tells it from others."""
        parts = [part.of(loop, values) for part in self._line]
        if "" in parts:
            parts = [text for part, text in zip(self._line, parts, strict=True) if text or not part.is_optional]
        line_key = "/".join(parts)
        suffix = f"/{rule.table.part}" if rule.table.part else ""
        if rule.table.kind == "movement" and self._event:
            event = [part.of(loop, values) for part in self._event]
            if all(text or part.is_optional for part, text in zip(self._event, event, strict=True)):
                return line_key + suffix, "/".join(filter(None, event)) + suffix
        return line_key + suffix, f"{self._source}/{line_key}{suffix}"

    def _measures(
        self, state: Interpreter, rule: Rule, loop: Loop, values: Values, quantity: str
    ) -> Sequence[tuple[str, str]]:
        """(measure, quantity) pairs; a code that nothing knows is left as it is, for a crosswalk or a profile."""
        if rule.by is None:
            if rule.table.measure_of_loop is not None:
                return [(self._profile.spread_measure or "SDQ", quantity)]
            return self._moves(state, loop, rule.table.measures, quantity)
        code = values.get(rule.by, "")
        if not code:
            state.find("element_missing", f"{rule.by} does not say what the quantity is", loop.segment, None, loop)
            return []
        found: Code | object = rule.codes.get(code, _MISSING)
        if isinstance(found, str):
            return [(found, quantity)]
        if isinstance(found, dict):
            return self._moves(state, loop, found, quantity)
        is_known, text = found is None, f"{rule.by} {shown(code)}"
        if f"code {code}" not in state.told:
            state.told.add(f"code {code}")
            if is_known:
                state.find("measure_is_no_stock", f"{text} is no stock: no fact", loop.segment)
            else:
                state.find("measure_unmapped", f"{text} is unknown: it waits unmapped", loop.segment)
        return [] if is_known else [(f"{self._table.set}:{code}", quantity)]

    def _moves(
        self, state: Interpreter, loop: Loop, measures: Mapping[Measure, int], quantity: str
    ) -> Sequence[tuple[str, str]]:
        """Signed quantities of a movement by its directions."""
        moves = []
        for measure, direction in measures.items():
            is_negative = quantity.startswith("-")
            if direction == 0 or not quantity.strip("-0."):
                moves.append((measure, quantity.lstrip("-") if not quantity.strip("-0.") else quantity))
                continue
            if is_negative and (direction > 0 or not self._is_signed()):
                text = f"the quantity {quantity} is negative where its code takes it the other way"
                state.find("sign_contradicts", text, loop.segment, None, loop)
                return []
            if direction < 0 and not is_negative and measure == "on_hand" and self._is_signed():
                text = f"the quantity {quantity} is positive where its code takes stock away"
                state.find("sign_contradicts", text, loop.segment, None, loop)
                return []
            moves.append((measure, quantity if is_negative or direction > 0 else f"-{quantity}"))
        return moves

    def _is_signed(self) -> bool:
        return self._table.is_signed and self._profile.adjustment_sign == "signed"

    def _moment(self, state: Interpreter, loop: Loop, values: Values, told: set[str]) -> str:
        """The best moment; one without a time does not stand before the last resort where that has one."""
        names = self._recorded
        last = values.get(names[-1], "") if names else ""
        chosen = next((v for name in names if (v := values.get(name)) and _may_stand(v, last)), "")
        zone = self._profile.timezone
        if not chosen or chosen == AMBIGUOUS:
            return ""
        if zone is None:
            return chosen
        try:
            return localised(chosen, zone)
        except ValueError as error:
            _miss(state, loop, "no_such_moment", str(error), told)
            return ""

    def _add(self, state: Interpreter, found: list[tuple[Loop, Row]]) -> None:
        """Totals beside their parts occur under one code: which is which cannot be known, so neither is stock."""
        if state.snapshot is not None:
            for loop, row in found:
                if not state.snapshot.covers({str(row[2])}):
                    state.snapshot.refuse(state, str(row[2]), loop.segment)
        if len(found) > 1 and len({(row[7], row[2], row[3]) for _, row in found}) < len(found):
            times = Counter((row[7], row[2], row[3]) for _, row in found)
            for loop, row in found:
                if times[row[7], row[2], row[3]] > 1:
                    text = f"{shown(str(row[3]))} is said more than once for the item"
                    state.find("quantity_repeated", text, loop.segment, (1, None))
            found = [(loop, row) for loop, row in found if times[row[7], row[2], row[3]] == 1]
        if self.may_share_events:
            self._compare_events(state, found)
        state.spool.add_all([row for _, row in found])

    @staticmethod
    def _compare_events(state: Interpreter, found: list[tuple[Loop, Row]]) -> None:
        for loop, row in found:
            event = (row[8], row[2], row[3])
            if event in state.events:
                text = f"the event {shown(str(row[8]))} is told by two lines: its key needs another part (events)"
                state.find("event_repeated", text, loop.segment, None, state.root)
            state.events.add(event)


def _first(names: Sequence[str], values: Values, default: str | None = None) -> str:
    """The first that is said; what is said twice and not the same is not said, and no default stands in for it."""
    for name in names:
        if name in values:
            value = values[name]
            return "" if value == AMBIGUOUS else value
    return default or ""


def _miss(state: Interpreter, loop: Loop, code: str, message: str, told: set[str]) -> None:
    """Told once for a unit; once for the set where every unit would miss the same."""
    if code != "item_missing":
        if not state.has_header:
            return  # what the header would have said, and that it is missing is said
        told = state.told
    if code not in told:
        told.add(code)
        state.find(code, message, loop.segment)


def _is_told(rule: FactTable, loop: Loop, values: Values) -> bool:
    """Whether the codes of the loop, and of those beside it, are such that the rule's fact is told."""
    if rule.given is not None and not values.get(rule.given):
        return False
    if any(values.get(name, "") not in codes for name, codes in rule.only.items()):
        return False
    if any(values.get(name, "") in codes for name, codes in rule.unless.items()):
        return False
    if rule.without is None or loop.above is None:
        return True
    return not any(each.values.get(name) == rule.without for each in loop.above.inside for name in rule.only)


def _may_stand(moment: str, last: str) -> bool:
    """A day does not stand before a last resort with a time of it; what cannot be read stands before everything."""
    return "T" in moment or "T" not in last or moment == AMBIGUOUS or not last.startswith(moment)
