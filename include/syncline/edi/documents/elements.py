"""Reads of one segment: elements, qualified values, moments and item ids into the values of a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from syncline.edi.documents.forms import FORMS, Form
from syncline.edi.findings import shown
from syncline.edi.moments import ZONES, recorded, recorded_in

if TYPE_CHECKING:
    from syncline.edi.blocks import Segment
    from syncline.edi.documents.interpreter import Interpreter
    from syncline.edi.documents.loops import Loop
    from syncline.edi.documents.table import SegmentTable, Syntax
    from syncline.edi.profiles import Profile

Address = tuple[int, int | None]  # element and component, both from 1
Read = Callable[["Interpreter", "Loop", "Segment"], None]
Get = Callable[["Interpreter", "Segment", Address], str]
AMBIGUOUS = "\x00"  # said twice and not the same, or not to be read: nothing less good may stand in
PARTS_OF_ITEM = ("LT", "SN")


def address(text: str) -> Address:
    """``2`` or ``2-1``, a mark behind it left out."""
    element, _, component = text.rstrip("!").partition("-")
    return int(element), int(component) if component else None


def name_of(segment: str, at: Address) -> str:
    """``BIA03``, ``QTY01-2``."""
    return f"{segment}{at[0]:02d}" + ("" if at[1] is None else f"-{at[1]}")


def get_x12(state: Interpreter, segment: Segment, at: Address) -> str:
    """One element without outer blanks; empty where it is not there."""
    elements = segment[0]
    return elements[at[0]].strip() if at[0] < len(elements) else ""


def get_edifact(state: Interpreter, segment: Segment, at: Address) -> str:
    """One component as plain text; of an element named without one the first."""
    elements = segment[0]
    if at[0] >= len(elements):
        return ""
    parts = state.delimiters.components(elements[at[0]])
    number = at[1] or 1
    return parts[number - 1].strip() if number <= len(parts) else ""


def reads_of(name: str, table: SegmentTable, syntax: Syntax, profile: Profile, used: frozenset[str]) -> list[Read]:
    """What is read of segment ``name``; qualified values only if ``used``."""
    get = get_x12 if syntax == "x12" else get_edifact
    reads: list[Read] = []
    if table.elements:
        read = _elements(name, table, get, is_edifact=syntax == "edifact")
        reads.append(read if table.opens is not None else _once(name, table, read))
    if table.by is not None and table.value is not None:
        reads.append(_qualified(name, address(table.by), address(table.value), get, used))
    if table.moment:
        reads.append(_moment(name, table, get, profile, used))
    wanted = {qualifier: f"ITEM*{qualifier}" for qualifier in (*profile.item_qualifiers, *PARTS_OF_ITEM)}
    if table.ids_from is not None:
        reads.append(_ids_from(table.ids_from, wanted))
    if table.ids or table.upc is not None:
        reads.append(_ids(table, get, wanted))
    return [_only(table, get, reads)] if table.only else reads


def _only(table: SegmentTable, get: Get, reads: list[Read]) -> Read:
    conditions = [(address(at), frozenset(codes)) for at, codes in table.only.items()]

    def read(state: Interpreter, loop: Loop, segment: Segment) -> None:
        if all(get(state, segment, at) in codes for at, codes in conditions):
            for each in reads:
                each(state, loop, segment)

    return read


def _once(name: str, table: SegmentTable, read: Read) -> Read:
    """``read`` of a segment that a loop has once: what a second one says cannot stand in for the first."""
    keys = [name_of(name, address(text)) for text in table.elements]
    is_counted = any(form.rstrip("!") in ("decimal", "code") for form in table.elements.values())

    def read_once(state: Interpreter, loop: Loop, segment: Segment) -> None:
        before = {key: loop.values.pop(key) for key in keys if key in loop.values}
        read(state, loop, segment)
        if not before:
            return
        if is_counted:
            broken = None if loop is state.root else loop
            state.find("value_repeated", f"a second {name} where one may stand", segment, None, broken)
            loop.values.update(before)
            return
        loop.values.update({key: AMBIGUOUS for key, value in before.items() if loop.values.get(key) != value})

    return read_once


def _elements(name: str, table: SegmentTable, get: Get, *, is_edifact: bool) -> Read:
    fields = []
    for text, form in table.elements.items():
        at = address(text)
        kind = FORMS[form.rstrip("!")]
        is_decimal = is_edifact and kind is FORMS["decimal"]
        fields.append((at, at[0], name_of(name, at), kind, kind.known, form.endswith("!"), is_decimal))

    def read(state: Interpreter, loop: Loop, segment: Segment) -> None:
        elements, values = segment[0], loop.values
        for at, element, key, form, known, is_required, is_decimal in fields:
            if is_edifact:
                value = get(state, segment, at)
            else:
                value = elements[element].strip() if element < len(elements) else ""
            if value in known:
                values[key] = value
            elif value:
                if is_decimal:
                    value = value.replace(",", ".", 1)  # either mark occurs, whatever the UNA says
                if form.fits(value):
                    values[key] = value
                else:
                    _misfit(state, loop, segment, at, key, value, form, is_required=is_required)
            elif is_required:
                state.find("element_missing", f"{key} is empty", segment, at, loop)

    return read


def _misfit(
    state: Interpreter, loop: Loop, segment: Segment, at: Address, key: str, value: str, form: Form, *,
    is_required: bool,
) -> None:  # fmt: skip
    # An optional element of the header takes nothing with it: who needs its value misses it.
    broken = None if loop is state.root and not is_required else loop
    state.find("element_form", f"{key} is {shown(value)}, not {form.name}", segment, at, broken)


def _qualified(name: str, by: Address, value_at: Address, get: Get, used: frozenset[str]) -> Read:
    form = FORMS["text"]
    keys = _keys_of(name, used)

    def read(state: Interpreter, loop: Loop, segment: Segment) -> None:
        key = keys.get(get(state, segment, by))
        if key is None:
            return
        value = get(state, segment, value_at)
        if not value:
            return
        if not form.fits(value):
            _misfit(state, loop, segment, value_at, key, value, form, is_required=loop is not state.root)
        elif loop.values.setdefault(key, value) != value:
            loop.values[key] = AMBIGUOUS
            broken = None if loop is state.root else loop
            state.find("value_repeated", f"{key} is said twice: another is {shown(value)}", segment, value_at, broken)

    return read


def _moment(name: str, table: SegmentTable, get: Get, profile: Profile, used: frozenset[str]) -> Read:
    by = address(table.by) if table.by is not None else None
    places = [address(text) for text in table.moment]
    is_required = table.moment[0].endswith("!")
    plain_key = name_of(name, places[0])
    keys = _keys_of(name, used)
    if by is None:
        keys = {"": plain_key} if plain_key in used else {}
    form = address(table.format) if table.format is not None else None

    def read(state: Interpreter, loop: Loop, segment: Segment) -> None:
        key = keys.get("" if by is None else get(state, segment, by))
        if key is None:
            return
        day, *rest = [get(state, segment, at) for at in places]
        broken = loop if is_required or loop is not state.root else None
        if not day:
            if is_required:
                state.find("element_missing", f"{key} is empty", segment, places[0], loop)
            return
        try:
            if form is not None:
                moment = recorded_in(day, get(state, segment, form))
            else:
                moment = recorded(day, rest[0] if rest else "", _offset(rest[1] if len(rest) > 1 else "", profile))
        except ValueError as error:
            code = "zone_unknown" if isinstance(error, UnknownZone) else "no_such_moment"
            state.find(code, f"{key}: {error}", segment, places[0], broken)
            loop.values.setdefault(key, AMBIGUOUS)  # the next best would be a guess
        else:
            _say_moment(state, loop, segment, key, moment, places[0], is_alone=form is None)

    return read


class UnknownZone(ValueError):
    """A zone code that means no offset, or several."""


def _offset(zone: str, profile: Profile) -> str:
    if zone in profile.local_zones:
        return ""
    if zone not in ZONES:
        raise UnknownZone(f"zone {shown(zone)} is none with one offset")
    return ZONES[zone]


def _say_moment(
    state: Interpreter, loop: Loop, segment: Segment, key: str, moment: str, at: Address, *, is_alone: bool
) -> None:
    """``is_alone``: a second one contradicts the first; a DTM of EDIFACT may belong to a reference behind it."""
    known = loop.values.setdefault(key, moment)
    if is_alone and known not in (moment, AMBIGUOUS):
        loop.values[key] = AMBIGUOUS
        state.find("value_repeated", f"{key} is said twice: another is {moment}", segment, at)


def _keys_of(name: str, used: frozenset[str]) -> dict[str, str]:
    """Qualifier -> the key of its value, of those that anybody uses."""
    return {key.partition("*")[2]: key for key in used if key.startswith(f"{name}*")}


def _ids_from(first: int, wanted: dict[str, str]) -> Read:
    form = FORMS["text"]
    known = form.known

    def read(state: Interpreter, loop: Loop, segment: Segment) -> None:
        elements, values = segment[0], loop.values
        for at in range(first, len(elements) - 1, 2):
            key = wanted.get(elements[at].strip())
            if key is not None and (value := elements[at + 1].strip()):
                if value in known or form.fits(value):
                    _say_id(values, key, value)
                else:
                    _misfit(state, loop, segment, (at + 1, None), key, value, form, is_required=True)

    return read


def _ids(table: SegmentTable, get: Get, wanted: dict[str, str]) -> Read:
    pairs = [(address(qualifier), address(value)) for qualifier, value in table.ids]
    upc = address(table.upc) if table.upc is not None else None

    def read(state: Interpreter, loop: Loop, segment: Segment) -> None:
        for by, at in pairs:
            key = wanted.get(get(state, segment, by))
            if key is not None and (value := get(state, segment, at)):
                _identify(state, loop, segment, at, key, value)
        if upc is not None and (value := get(state, segment, upc)):
            _identify(state, loop, segment, upc, "ITEM*UP", value)

    return read


def _identify(state: Interpreter, loop: Loop, segment: Segment, at: Address, key: str, value: str) -> None:
    form = FORMS["text"]
    if form.fits(value):
        _say_id(loop.values, key, value)
    else:
        _misfit(state, loop, segment, at, key, value, form, is_required=True)


def _say_id(values: dict[str, str], key: str, value: str) -> None:
    """Two ids by one qualifier name two things."""
    if values.setdefault(key, value) != value:
        values[key] = AMBIGUOUS
