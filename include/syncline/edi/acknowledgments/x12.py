"""Segments of a 997, a 999 and a TA1 (X12 004010 and 005010X231; edi.md §6.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from syncline.edi.acknowledgments.codes import (
    SEGMENT_HAS_ELEMENT_ERRORS,
    SET_HAS_SEGMENT_ERRORS,
    Told,
    of_scope,
    said,
    told,
)
from syncline.edi.findings import Finding
from syncline.edi.reading import SetReading
from syncline.edi.units import Group, Interchange

AnswerSegment: TypeAlias = "tuple[str | tuple[str, ...], ...]"
Kind = Literal["997", "999"]

CODES_MAX = 5  # AK502 to AK506, AK905 to AK909
SEGMENTS_IN_ERROR_MAX = 100  # of a set: more say nothing new
ELEMENTS_IN_ERROR_MAX = 10  # of a segment
SEGMENTS_IN_ERROR_MAX_OF_ALL = 10_000
# A bad value is given back when it is short and plain; what it says may be a secret, and long text is no code.
COPY = re.compile(r"[ -~]{1,35}")
# Mandatory elements of an answer where the partner left out what they repeat.
NO_GROUP, NO_SET, NO_SET_CONTROL, NO_INTERCHANGE = "0", "000", "0000", "000000000"


class SegmentErrors:
    """Makes AK3 and AK4 (IK3 and IK4) of findings; ``left`` is how many AK3 the acknowledgment may still have."""

    def __init__(self, kind: Kind) -> None:
        self.prefix = "IK" if kind == "999" else "AK"
        self.left = SEGMENTS_IN_ERROR_MAX_OF_ALL

    def of(self, reading: SetReading) -> list[AnswerSegment]:
        """Those of a set, by position; one AK3 for each segment and code."""
        errors: dict[tuple[int, str, str], list[AnswerSegment]] = {}
        for each in told(reading.taken.findings, "segment", "element"):
            elements = errors.setdefault(_where(each, reading), [])
            if each.code.level == "element" and each.found.element is not None:
                element = self._element(each)
                if element not in elements and len(elements) < ELEMENTS_IN_ERROR_MAX:
                    elements.append(element)
        kept = sorted(errors.items())[: min(self.left, SEGMENTS_IN_ERROR_MAX)]
        self.left -= len(kept)
        segments: list[AnswerSegment] = []
        for (position, name, code), elements in kept:
            segments += [(f"{self.prefix}3", name, str(position), "", code), *elements]
        return segments

    def _element(self, each: Told) -> AnswerSegment:
        found = each.found
        at = (str(found.element),) if found.component is None else (str(found.element), str(found.component))
        copy = found.value if COPY.fullmatch(found.value) else ""
        return (f"{self.prefix}4", at, "", each.code.x12, copy)


def _where(each: Told, reading: SetReading) -> tuple[int, str, str]:
    """Position, segment id and code of the AK3 that ``each`` belongs to."""
    found, code = each
    if found.code == "header_missing" and reading.table is not None:
        # Named is the segment that should be there, and where.
        return 2, reading.table.header, code.x12
    name = said(found.segment_id, 3) or "?"
    return found.in_set, name, code.x12 if code.level == "segment" else SEGMENT_HAS_ELEMENT_ERRORS


def set_status(reading: SetReading) -> str:
    """AK501: A, E or R. A line that is kept out leaves its set accepted with errors."""
    if reading.verdict == "rejected":
        return "R"
    return "E" if reading.verdict == "tolerated" or told(reading.taken.findings) else "A"


def group_response(
    kind: Kind, interchange: Interchange, group: Group, sets: Sequence[SetReading], answered: Sequence[SetReading]
) -> tuple[str, tuple[AnswerSegment, ...]]:
    """AK901 and the segments from AK1 to AK9.

    Args:
        sets: all of the group, for its counts. answered: those with an AK2 of their own.
    """
    control = said(group.control) or NO_GROUP
    versions = (said(group.version),) if kind == "999" else ()
    segments: list[AnswerSegment] = [("AK1", said(group.code), control, *versions)]
    errors = SegmentErrors(kind)
    for each in answered:
        segments += _set_response(kind, each, errors)
    around = of_scope(interchange.findings, "group", group.control)
    refused = sum(each.verdict == "rejected" for each in sets)
    status = _group_status([set_status(each) for each in sets], around)
    included = group.said if group.said.isascii() and group.said.isdigit() else str(group.sets)
    notes = _codes(each.code.x12 for each in told(around, "group"))
    segments.append(("AK9", status, included[:6], str(group.sets), str(len(sets) - refused), *notes))
    return status, tuple(segments)


def _set_response(kind: Kind, reading: SetReading, errors: SegmentErrors) -> list[AnswerSegment]:
    taken = reading.taken
    versions = (said(taken.opener.get(3)),) if kind == "999" else ()
    in_error = errors.of(reading)
    codes = [each.code.x12 for each in told(taken.findings, "set")]
    if in_error:
        codes.append(SET_HAS_SEGMENT_ERRORS)
    return [
        ("AK2", said(taken.type) or NO_SET, said(taken.control) or NO_SET_CONTROL, *versions),
        *in_error,
        (f"{errors.prefix}5", set_status(reading), *_codes(codes)),
    ]


def _group_status(statuses: Sequence[str], around: Sequence[Finding]) -> str:
    """AK901: P when some sets are rejected, R when all are."""
    if "R" in statuses:
        return "P" if set(statuses) != {"R"} else "R"
    return "E" if "E" in statuses or around else "A"


def _codes(codes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(codes))[:CODES_MAX]


def interchange_response(
    interchange: Interchange, note: str, *, is_refused: bool
) -> tuple[str, tuple[AnswerSegment, ...]]:
    """TA104 and the TA1. ``note`` is TA105; 000 is no error."""
    status = "R" if is_refused else "A" if note == "000" else "E"
    control = said(interchange.control) or NO_INTERCHANGE
    date, time = interchange.prepared
    return status, (("TA1", control, said(date), said(time), status, note),)
