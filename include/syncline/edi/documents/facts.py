"""What the loops of a document say about stock (semantics §1): balances and movements with their keys."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncline.edi.documents.elements import AMBIGUOUS
from syncline.edi.documents.forms import FORMS
from syncline.edi.findings import shown
from syncline.edi.moments import localised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncline.edi.documents.elements import Address
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.documents.loops import Loop
    from syncline.edi.documents.table import Code, DocumentTable, FactTable, Measure
    from syncline.edi.profiles import Profile
    from syncline.edi.tokenizer import Segment

ENTITIES = ("N1", "NAD", "LOC")
SPREAD_LOCATION, SPREAD_QUANTITY, SPREAD_UNIT = "SPREAD*location", "SPREAD*quantity", "SPREAD*unit"
Values = dict[str, str]
Row = tuple[object, ...]
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
        for name in self.names:
            value = (loop.values if self.is_own else values).get(name)
            if value:
                return "" if value == AMBIGUOUS else value
        return ""


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
        self._line = [Part(text) for text in table.line]
        self._event = [Part(text) for text in profile.events.get(table.name, table.event)]
        overrides = profile.codes.get(table.name, {})
        self._codes = {name: {**codes, **overrides.get(name, {})} for name, codes in table.codes.items()}
        self._rules: dict[str, list[FactTable]] = {}
        for rule in table.facts:
            self._rules.setdefault(rule.per, []).append(rule)
        self._is_of_movements = all(rule.kind == "movement" for rule in table.facts)
        # Where no ordinal is in the event key, two lines may come to share it.
        self._may_repeat = not any(f"#{table.unit}" in part.names for part in self._event)
        self.used = self._used()

    def _used(self) -> frozenset[str]:
        table = self._table
        named = {*self._location, *self._recorded, *table.uom, *table.lot, table.correlation or ""}
        for rule in table.facts:
            named |= {rule.quantity, rule.by or "", rule.given or "", *rule.only, *rule.unless}
            named |= {*(rule.location or ()), *(rule.uom or ())}
        for part in (*self._line, *self._event):
            named |= set(part.names)
        return frozenset(named)

    def tell(self, state: Interpreter, unit: Loop) -> None:
        """Add the facts of ``unit`` and of the loops in it."""
        if not self._rules or unit.is_in_broken():
            return
        told: set[str] = set()  # a defect of the unit is told once, not for each of its quantities
        found: list[tuple[Loop, Row]] = []
        values = unit.all_values()
        loops = [loop for loop in unit.walk() if loop.name in self._rules]
        if not loops and not unit.inside:
            state.find("quantity_missing", "the item has no quantity", unit.segment, None, unit)
            return
        if any(loop.name == "spread" for loop in loops) and len({loop.name for loop in loops}) > 1:
            loops = self._one_of_both(state, unit, loops)
        for loop in loops:
            of_loop = values if loop is unit else {**values, **loop.values} if loop.above is unit else loop.all_values()
            for rule in self._rules[loop.name]:
                if loop.is_broken:
                    break
                found += [(loop, row) for row in self._facts(state, rule, loop, of_loop, told)]
        if self._is_whole(state, unit, values):
            self._add(state, found)

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

    def _facts(self, state: Interpreter, rule: FactTable, loop: Loop, values: Values, told: set[str]) -> Iterable[Row]:
        quantity = values.get(rule.quantity)
        if not quantity or not _is_told(rule, loop, values):
            return []
        measures = self._measures(state, rule, loop, values, quantity)
        if not measures:
            return []
        item = self._first(self._items, values)
        location = self._first(rule.location or self._location, values, self._profile.location)
        uom = self._first(rule.uom or self._table.uom, values, self._profile.default_uom)
        recorded = self._moment(state, loop, values, told)
        if not (item and location and recorded and uom):
            for value, code, message in (
                (item, "item_missing", "no id by a qualifier that the profile knows"),
                (location, "location_missing", f"nothing of {', '.join(self._location)} names the location"),
                (recorded, "moment_missing", f"nothing of {', '.join(self._recorded)} says when"),
            ):
                if not value:
                    self._miss(state, loop, code, message, told)
            if not uom and (key := f"uom_missing {loop.segment.number}") not in told:
                told.add(key)
                state.find("uom_missing", "nothing names the unit of the quantity", loop.segment)
            return []
        if not self._has_number(state, loop, values, told):
            return []
        line_key = "/".join([text for part in self._line if (text := part.of(loop, values)) or not part.is_optional])
        if rule.part:
            line_key = f"{line_key}/{rule.part}"
        event = [(part.of(loop, values), part.is_optional) for part in self._event]
        is_event = bool(event) and rule.kind == "movement" and all(text or is_optional for text, is_optional in event)
        event_key = "/".join(text for text, _ in event if text) if is_event else f"{self._source}/{line_key}"
        if is_event and rule.part:
            event_key = f"{event_key}/{rule.part}"
        uom, segment, taken = self._profile.units.get(uom, uom), loop.segment, state.set
        position = f"segment {segment.number} {segment.id} at byte {segment.offset}"
        lot = self._first(self._table.lot, values) or None
        correlation = values.get(self._table.correlation or "")
        return [
            (
                rule.kind, item, location, measure, uom, units, recorded, line_key, event_key, position, self._reading,
                lot, state.revision, state.is_cancel, None, taken.is_test, correlation, None, None, None, None,
            )
            for measure, units in measures
        ]  # fmt: skip

    def _has_number(self, state: Interpreter, loop: Loop, values: Values, told: set[str]) -> bool:
        """Whether something of the document tells its lines from those of another."""
        if all(part.is_optional or part.of(loop, values) for part in self._line):
            return True
        if state.has_header:
            text = "the document has no number that tells its lines apart"
            self._miss(state, loop, "reference_missing", text, told)
        return False

    def _measures(
        self, state: Interpreter, rule: FactTable, loop: Loop, values: Values, quantity: str
    ) -> Sequence[tuple[str, str]]:
        """(measure, quantity) pairs; a code that nothing knows is left as it is, for a crosswalk or a profile."""
        if rule.measure_of_loop is not None:
            return [(self._profile.spread_measure or "SDQ", quantity)]
        if rule.by is None:
            return self._moves(state, loop, rule.measures, quantity)
        code = values.get(rule.by, "")
        if not code:
            state.find("element_missing", f"{rule.by} does not say what the quantity is", loop.segment, None, loop)
            return []
        found: Code | object = self._codes[rule.codes or ""].get(code, _MISSING)
        if isinstance(found, str):
            return [(found, quantity)]
        if isinstance(found, dict):
            return self._moves(state, loop, found, quantity)
        if found is None:
            state.find("measure_is_no_stock", f"{rule.by} {shown(code)} is no stock: no fact", loop.segment)
            return []
        state.find("measure_unmapped", f"{rule.by} {shown(code)} is unknown: it waits unmapped", loop.segment)
        return [(f"{self._table.set}:{code}", quantity)]

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
            self._miss(state, loop, "no_such_moment", str(error), told)
            return ""

    @staticmethod
    def _first(names: Sequence[str], values: Values, default: str | None = None) -> str:
        """The first that is said; what is said twice and not the same is not said, and no default stands in for it."""
        for name in names:
            value = values.get(name)
            if value:
                return "" if value == AMBIGUOUS else value
        return default or ""

    @staticmethod
    def _miss(state: Interpreter, loop: Loop, code: str, message: str, told: set[str]) -> None:
        """Told once for a unit; once for the set where every unit would miss the same."""
        told = told if code == "item_missing" else state.told
        if code not in told:
            told.add(code)
            state.find(code, message, loop.segment)

    def _add(self, state: Interpreter, found: list[tuple[Loop, Row]]) -> None:
        """Totals beside their parts occur under one code: which is which cannot be known, so neither is stock."""
        if len(found) > 1:
            times = Counter((row[7], row[2], row[3]) for _, row in found)
            if len(times) < len(found):
                for loop, row in found:
                    if times[row[7], row[2], row[3]] > 1:
                        text = f"{shown(str(row[3]))} is said more than once for the item"
                        state.find("quantity_repeated", text, loop.segment, (1, None))
                found = [(loop, row) for loop, row in found if times[row[7], row[2], row[3]] == 1]
        add = state.spool.add
        events = state.events if self._may_repeat else set()
        for loop, row in found:
            event = (row[8], row[2], row[3])
            if event in events:
                text = f"the event {shown(str(row[8]))} is told by two lines: its key needs another part (events)"
                state.find("event_repeated", text, loop.segment, None, state.root)
            events.add(event)
            add(row)


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
