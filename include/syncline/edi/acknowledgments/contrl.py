"""Segments of a CONTRL (UN/EDIFACT syntax and service report, D.3 and 4.1).

It knows no "accepted with errors": action 7 acknowledges a level, 4 rejects it and everything below, and errors are
said of what is rejected only (0083). So a message with lines that are kept out is acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from syncline.edi.acknowledgments.codes import PLACES, UNSPECIFIED, Place, Told, of_scope, said, told
from syncline.edi.acknowledgments.x12 import (
    ELEMENTS_IN_ERROR_MAX,
    NO_GROUP,
    SEGMENTS_IN_ERROR_MAX,
    SEGMENTS_IN_ERROR_MAX_OF_ALL,
    AnswerSegment,
)
from syncline.edi.reading import SetReading
from syncline.edi.units import Group, Interchange

Action = Literal["4", "7"]
COMPONENTS_MAX = 5  # S009: type, version, release, agency, association


def interchange_response(
    interchange: Interchange, groups: Iterable[tuple[Group, Sequence[SetReading]]], first: Told | None
) -> tuple[Action, tuple[AnswerSegment, ...]]:
    """The action of the UCI, and the segments behind the UNH.

    Args:
        groups: with the messages that are answered, those without an UNG first. first: the defect for which the whole
            interchange is rejected; nothing is said of its messages then.
    """
    parties = [
        (said(interchange.sender), said(interchange.sender_qualifier)),
        (said(interchange.receiver), said(interchange.receiver_qualifier)),
    ]
    control = said(interchange.control) or NO_GROUP
    if first is not None:
        return "4", (("UCI", control, *parties, "4", *_error(first, ("UNA", "UNB", "UNZ"))),)
    segments: list[AnswerSegment] = [("UCI", control, *parties, "7")]
    left = SEGMENTS_IN_ERROR_MAX_OF_ALL
    for group, sets in groups:
        if group.opener is not None:
            action, response = _group(interchange, group, sets)
            segments.append(response)
            if action == "4":
                continue
        for each in sets:
            segments.append(_message(each))
            in_error = _segments_in_error(each, left)
            left -= sum(segment[0] == "UCS" for segment in in_error)
            segments += in_error
    return "7", tuple(segments)


def _group(interchange: Interchange, group: Group, sets: Sequence[SetReading]) -> tuple[Action, AnswerSegment]:
    """The UCF; a group is rejected when its own envelope is why none of its messages could be used."""
    assert group.opener is not None
    parts = [interchange.delimiters.components(group.opener.get(element)) for element in (2, 3)]
    parties = [tuple(said(part) for part in party[:2]) for party in parts]
    control = said(group.control) or NO_GROUP
    found = told(of_scope(interchange.findings, "group", group.control), "group")
    if found and sets and all(each.verdict == "rejected" for each in sets):
        return "4", ("UCF", control, *parties, "4", *_error(found[0], ("UNG", "UNE")))
    return "7", ("UCF", control, *parties, "7")


def _message(reading: SetReading) -> AnswerSegment:
    taken = reading.taken
    name = tuple(said(part) for part in (taken.type, *taken.version.split(":"))[:COMPONENTS_MAX])
    control = said(taken.control) or NO_GROUP
    if reading.verdict != "rejected":
        return ("UCM", control, name, "7")
    found = told(taken.findings, "set")
    if found:
        return ("UCM", control, name, "4", *_error(found[0], ("UNH", "UNT")))
    below = told(taken.findings, "segment", "element")
    return ("UCM", control, name, "4") if below else ("UCM", control, name, "4", UNSPECIFIED)


def _segments_in_error(reading: SetReading, left: int) -> list[AnswerSegment]:
    """UCS and UCD of a rejected message, by position."""
    if reading.verdict != "rejected":
        return []
    errors: dict[int, tuple[list[str], list[AnswerSegment]]] = {}
    for found, code in told(reading.taken.findings, "segment", "element"):
        # Of a missing segment 0096 is the position of the one before.
        position = 1 if found.code == "header_missing" else found.in_set
        whole, elements = errors.setdefault(position, ([], []))
        element = ("UCD", code.edifact, _position(found.element, found.component))
        if code.level == "segment" or found.element is None:
            whole.append(code.edifact)
        elif element not in elements and len(elements) < ELEMENTS_IN_ERROR_MAX:
            elements.append(element)
    segments: list[AnswerSegment] = []
    for position, (whole, elements) in sorted(errors.items())[: min(left, SEGMENTS_IN_ERROR_MAX)]:
        segments += [("UCS", str(position), *whole[:1]), *elements]
    return segments


def _error(each: Told, names: tuple[str, ...]) -> AnswerSegment:
    """Code (0085), segment (0013) and element (S011) of a service segment in error."""
    found, code = each
    place = PLACES.get(found.code, Place(found.segment_id, found.element))
    if place.segment not in names:
        return (code.edifact,)
    at = () if place.element is None else (_position(place.element, None),)
    return (code.edifact, place.segment, *at)


def _position(element: int | None, component: int | None) -> tuple[str, ...]:
    """S011. In 0098 the segment tag has position 1, so the first element has 2; 0104 counts components from 1."""
    if element is None:
        return ()
    return (str(element + 1),) if component is None else (str(element + 1), str(component))
