"""EDIFACT: UNA, UNB, UNG, UNH around bodies; a separator inside a value gets a release character before it."""

from __future__ import annotations

from collections.abc import Iterator

from syncline.twin.edi.envelope import Group, Interchange, Piece, Separators, Set
from syncline.twin.edi.style import Element, Segment


def segment_text(segment: Segment, separators: Separators) -> str:
    """Elements and components joined, empty ones at the end left out, separators in values released."""
    values = [_value(element, separators) for element in segment]
    while values and not values[-1]:
        values.pop()
    return separators.element.join(values)


def _value(element: Element, separators: Separators) -> str:
    parts = [element] if isinstance(element, str) else list(element)
    while parts and not parts[-1]:
        parts.pop()
    special = (separators.release, separators.element, separators.component, separators.terminator)
    marks = {ord(mark): separators.release + mark for mark in special}
    return separators.component.join(part.translate(marks) for part in parts)


def pieces(interchange: Interchange) -> list[Piece]:
    """The whole interchange, segment by segment; the UNA is the first."""
    return list(_interchange(interchange))


def _interchange(interchange: Interchange) -> Iterator[Piece]:
    separators, at = interchange.separators, interchange.at
    if interchange.has_una:
        yield Piece(_una(interchange), 0, "")
    unb: Segment = [
        "UNB", ("UNOC", interchange.version), (interchange.sender, "ZZ"), (interchange.receiver, "ZZ"),
        (f"{at:%y%m%d}", f"{at:%H%M}"), interchange.control, "", "", "", "", "", "1" if interchange.is_test else "",
    ]  # fmt: skip
    yield Piece(segment_text(unb, separators), 0, separators.terminator)
    for group in interchange.groups:
        yield from _group(interchange, group)
    inside = len(interchange.groups) if interchange.has_groups else sum(len(group.sets) for group in interchange.groups)
    unz: Segment = ["UNZ", str(inside + interchange.count_off), interchange.closes_with]
    yield Piece(segment_text(unz, separators), 0, separators.terminator, interchange.is_glued)


def _una(interchange: Interchange) -> str:
    """Nine characters with the terminator; one short, the reserved blank is missing."""
    separators = interchange.separators
    reserved = "" if interchange.has_short_una else separators.repetition
    return (
        f"UNA{separators.component}{separators.element}{separators.decimal}{separators.release}{reserved}"
        f"{separators.terminator}"
    )


def _group(interchange: Interchange, group: Group) -> Iterator[Piece]:
    separators, at = interchange.separators, interchange.at
    body = group.sets[0].body
    if interchange.has_groups:
        version, release, agency = body.version.split(":")
        ung: Segment = [
            "UNG", body.type, (interchange.sender, "ZZ"), (interchange.receiver, "ZZ"),
            (f"{at:%y%m%d}", f"{at:%H%M}"), group.control, agency, (version, release),
        ]  # fmt: skip
        yield Piece(segment_text(ung, separators), 1, separators.terminator)
    for each in group.sets:
        yield from _set(each, separators)
    if interchange.has_groups:
        une: Segment = ["UNE", str(len(group.sets) + group.count_off), group.closes_with]
        yield Piece(segment_text(une, separators), 1, separators.terminator)


def _set(each: Set, separators: Separators) -> Iterator[Piece]:
    unh: Segment = ["UNH", each.control, (each.body.type, *each.body.version.split(":"))]
    unt: Segment = ["UNT", str(len(each.body.segments) + 2 + each.count_off), each.closes_with]
    yield Piece(segment_text(unh, separators), 2, separators.terminator)
    for segment in each.body.segments:
        yield Piece(segment_text(segment, separators), 3, separators.terminator)
    yield Piece(segment_text(unt, separators), 2, separators.terminator, each.is_glued)
