"""By what an interchange and a set are known again: control numbers of both sides, and the bytes between them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from syncline.edi.reading import Reading, SetReading
    from syncline.edi.units import Interchange

KEY_HEX_DIGITS = 40


class InterchangeIdentity(NamedTuple):
    """``key`` is empty without a control number; ``sha256`` is None where it has no trailer."""

    key: str
    sha256: str | None


class SetIdentity(NamedTuple):
    """``sha256``: from ST to SE; ``body_sha256``: from the segment behind ST, which holds the number, to SE.

    Both are None where the set has no end.
    """

    key: str
    sha256: str | None
    body_sha256: str | None


class Interchanged(NamedTuple):
    """An interchange of a file with its sets, each with its identity."""

    interchange: Interchange
    identity: InterchangeIdentity
    sets: list[tuple[SetReading, SetIdentity]]


def identified(reading: Reading, content: bytes) -> list[Interchanged]:
    """The interchanges of a file, in its order, with what each is known by.

    The keys are those of X12.6 3.9.1 and of UN/EDIFACT syntax: sender, receiver and control number; with code and
    number of the group; with the number of the set. Numbers compare without leading zeros.

    Args:
        content: the bytes that were read.
    """
    view = memoryview(content)
    found: dict[int, Interchanged] = {}
    for each in (*(read.taken.interchange for read in reading.sets), *reading.interchanges):
        if id(each) not in found and (each.opener is not None or each.sets):
            begin = each.opener.offset if each.opener is not None else 0
            digest = _digest(view[begin : each.end]) if each.end else None
            key = _key(*_parties(each), _number(each.control)) if each.control and each.opener is not None else ""
            found[id(each)] = Interchanged(each, InterchangeIdentity(key, digest), [])
    for read in reading.sets:
        inside = found[id(read.taken.interchange)]
        inside.sets.append((read, _of_set(read, inside.identity.key, content, view)))
    return sorted(found.values(), key=lambda each: offset_of(each.interchange, each.sets))


def offset_of(interchange: Interchange, sets: list[tuple[SetReading, SetIdentity]]) -> int:
    """Byte of the opener; of the first set where sets stand in no interchange."""
    if interchange.opener is not None:
        return interchange.opener.offset
    return sets[0][0].taken.opener.offset if sets else 0


def _of_set(read: SetReading, interchange: str, content: bytes, view: memoryview) -> SetIdentity:
    taken = read.taken
    key = ""
    if interchange and taken.control:
        key = _key(interchange, taken.group.code, _number(taken.group.control), _number(taken.control))
    if not taken.end:
        return SetIdentity(key, None, None)
    begin = taken.opener.offset
    terminator = taken.interchange.delimiters.terminator.encode()
    behind = content.find(terminator, begin, taken.end)
    body = begin if behind < 0 else behind + len(terminator)
    return SetIdentity(key, _digest(view[begin : taken.end]), _digest(view[body : taken.end]))


def _parties(each: Interchange) -> tuple[str, ...]:
    return each.delimiters.syntax, each.sender_qualifier, each.sender, each.receiver_qualifier, each.receiver


def _number(control: str) -> str:
    return (control.lstrip("0") or "0") if control.isascii() and control.isdigit() else control


def _key(*parts: str) -> str:
    # ascii() quotes and escapes every value, so no two keys look alike.
    return sha256(ascii(parts).encode()).hexdigest()[:KEY_HEX_DIGITS]


def _digest(data: memoryview) -> str:
    return sha256(data).hexdigest()
