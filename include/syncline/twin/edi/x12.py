"""X12: ISA, GS, ST around bodies. No release character: a separator inside a value becomes a blank."""

from __future__ import annotations

from collections.abc import Iterator

from syncline.twin.edi.codes import FUNCTIONAL_GROUPS
from syncline.twin.edi.envelope import Group, Interchange, Piece, Separators, Set
from syncline.twin.edi.style import DATES_OF_8_FROM, Segment

# 999 names its implementation guide in ST03.
IMPLEMENTATIONS = {"999": "005010X231A1"}


def segment_text(segment: Segment, separators: Separators) -> str:
    """Elements joined, empty ones at the end left out."""
    values = [_value(element, separators) for element in segment]
    while values and not values[-1]:
        values.pop()
    return separators.element.join(values)


def _value(element: str | tuple[str, ...], separators: Separators) -> str:
    parts = (element,) if isinstance(element, str) else element
    unsafe = dict.fromkeys(
        map(ord, f"{separators.element}{separators.component}{separators.terminator}".rstrip("\r\n")), " "
    )
    return separators.component.join(part.translate(unsafe) for part in parts)


def pieces(interchange: Interchange) -> list[Piece]:
    """The whole interchange, segment by segment."""
    return list(_interchange(interchange))


def _interchange(interchange: Interchange) -> Iterator[Piece]:
    separators = interchange.separators
    yield Piece(_isa(interchange), 0, separators.terminator)
    for service in interchange.service:
        yield Piece(segment_text(service, separators), 1, separators.terminator)
    for group in interchange.groups:
        yield from _group(interchange, group)
    iea: Segment = ["IEA", str(len(interchange.groups) + interchange.count_off), interchange.closes_with]
    yield Piece(segment_text(iea, separators), 0, separators.terminator, interchange.is_glued)


def _isa(interchange: Interchange) -> str:
    """ISA has fixed widths; ISA16 is the component separator itself."""
    blank, width = (" " * 10, 15) if interchange.is_padded else ("", 0)
    sender, receiver = f"{interchange.sender:<{width}}", f"{interchange.receiver:<{width}}"
    values = [
        "ISA", "00", blank, "00", blank, "ZZ", sender, "ZZ", receiver,
        f"{interchange.at:%y%m%d}", f"{interchange.at:%H%M}", interchange.separators.repetition, interchange.version,
        interchange.control, "0", "T" if interchange.is_test else "P", interchange.separators.component,
    ]  # fmt: skip
    return interchange.separators.element.join(values)


def _group(interchange: Interchange, group: Group) -> Iterator[Piece]:
    separators, body = interchange.separators, group.sets[0].body
    day = f"{interchange.at:%Y%m%d}" if body.version >= DATES_OF_8_FROM else f"{interchange.at:%y%m%d}"
    gs: Segment = [
        "GS", FUNCTIONAL_GROUPS[body.type], interchange.sender, interchange.receiver, day,
        f"{interchange.at:%H%M}", group.control, "X", body.version,
    ]  # fmt: skip
    yield Piece(segment_text(gs, separators), 1, separators.terminator)
    for each in group.sets:
        yield from _set(each, separators)
    ge: Segment = ["GE", str(len(group.sets) + group.count_off), group.closes_with]
    yield Piece(segment_text(ge, separators), 1, separators.terminator)


def _set(each: Set, separators: Separators) -> Iterator[Piece]:
    st: Segment = ["ST", each.body.type, each.control, IMPLEMENTATIONS.get(each.body.type, "")]
    se: Segment = ["SE", str(len(each.body.segments) + 2 + each.count_off), each.closes_with]
    yield Piece(segment_text(st, separators), 2, separators.terminator)
    for segment in each.body.segments:
        yield Piece(segment_text(segment, separators), 3, separators.terminator)
    yield Piece(segment_text(se, separators), 2, separators.terminator, each.is_glued)
