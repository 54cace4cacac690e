"""Every defect is answered at one level, or says why not: a new code cannot be forgotten."""

from __future__ import annotations

import re

from syncline.edi.acknowledgments.codes import CODES, PLACES, UNANSWERED
from syncline.edi.findings import SEVERITIES

# What 004010 and 005010 both have.
KNOWN = {
    "interchange": {f"{code:03d}" for code in range(1, 32)},
    "group": {str(code) for code in range(1, 7)},
    "set": {*(str(code) for code in range(1, 8)), "23"},
    "segment": {str(code) for code in range(1, 9)},
    "element": {str(code) for code in range(1, 11)},
}
# 0085 of CONTRL D.3: codes of batch interchanges.
KNOWN_0085 = {2, 7, *range(12, 40), 45, 46}


def test_each_defect_is_mapped_once_or_says_why_not() -> None:
    defects = {code for code, severity in SEVERITIES.items() if severity != "note"}
    assert {*CODES, *UNANSWERED} == defects
    assert not set(CODES) & set(UNANSWERED)
    assert all(UNANSWERED.values())


def test_codes_are_of_the_list_of_their_level() -> None:
    wrong = {name: code for name, code in CODES.items() if code.x12 not in KNOWN[code.level]}
    assert wrong == {}
    assert {int(code.edifact) for code in CODES.values()} <= KNOWN_0085


def test_places_are_service_segments_of_codes() -> None:
    assert set(PLACES) <= set(CODES)
    assert all(re.fullmatch("|UN[ABZGEHT]", place.segment) for place in PLACES.values())
