"""What each finding is in the words of the acknowledgment standards: one table, and nothing else decides.

Sources: X12 004010 and 005010 elements I18 (TA105, interchange note), 716 (AK905, group), 718 (AK502, set),
720 (AK304, segment), 723 (AK403, element); 005010X231 for the same in a 999 (618, 620 and 621 have all codes that are
used here). UN/EDIFACT element 0085 (syntax error), service code list of CONTRL D.3 and 4.1. Only codes that 004010 and
005010 both have are used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from syncline.edi.findings import Finding, Scope

Level = Literal["interchange", "group", "set", "segment", "element"]
SEGMENT_HAS_ELEMENT_ERRORS = "8"  # 720
SET_HAS_SEGMENT_ERRORS = "5"  # 718
UNSPECIFIED = "18"  # 0085


class Code(NamedTuple):
    """``x12`` is a code of I18, 716, 718, 720 or 723, as ``level`` says; ``edifact`` one of 0085 at the same level."""

    level: Level
    x12: str
    edifact: str


class Place(NamedTuple):
    """Segment, and element in it, that an EDIFACT error is about where the finding stands elsewhere."""

    segment: str
    element: int | None = None


CODES: dict[str, Code] = {
    # I18: 022 invalid control structure, 024 invalid interchange content, 004 invalid segment terminator.
    # 0085: 33 invalid occurrence outside a message or group, 18 unspecified, 39 data element too long.
    "isa_unreadable": Code("interchange", "022", UNSPECIFIED),
    "isa_widths": Code("interchange", "022", "12"),
    "outside_interchange": Code("interchange", "024", "33"),
    "outside_set": Code("interchange", "024", "33"),
    "set_not_opened": Code("interchange", "024", "33"),
    "group_not_opened": Code("interchange", "024", "33"),
    "group_missing": Code("interchange", "024", "30"),  # 30: groups and messages mixed
    "segment_too_long": Code("interchange", "024", "39"),
    "too_many_sets": Code("interchange", "024", UNSPECIFIED),
    "last_terminator_missing": Code("interchange", "004", "13"),
    "lines_wrapped": Code("interchange", "022", "21"),  # 21: invalid characters
    "segment_empty": Code("interchange", "022", UNSPECIFIED),
    "element_padded": Code("interchange", "024", "12"),
    "una_incomplete": Code("interchange", "022", "22"),  # 22: invalid service characters
    # I18: 003 version of the controls not supported, 020 test indicator, 006 sender, 009 unknown receiver.
    # 0085: 2 syntax version, 25 test indicator not supported, 23 unknown sender, 7 not the actual recipient.
    "release_unsupported": Code("interchange", "003", "2"),
    "usage_unknown": Code("interchange", "020", "25"),
    "sender_unknown": Code("interchange", "006", "23"),
    "receiver_unknown": Code("interchange", "009", "7"),
    # I18: 025 duplicate control number. 0085: 26 duplicate detected.
    "interchange_conflict": Code("interchange", "025", "26"),
    # I18: 023 premature end, 021 number of groups, 001 control numbers. 0085: 13 missing, 29 count, 28 references.
    "interchange_not_closed": Code("interchange", "023", "13"),
    "interchange_count": Code("interchange", "021", "29"),
    "interchange_control": Code("interchange", "001", "28"),
    # 716: 3 trailer missing, 4 control numbers, 5 number of sets.
    "group_not_closed": Code("group", "3", "13"),
    "group_control": Code("group", "4", "28"),
    "group_count": Code("group", "5", "29"),
    # 718: 1 not supported, 2 trailer missing, 3 control numbers, 4 number of segments, 5 segments in error,
    # 6 set identifier, 7 missing control number, 23 control number not unique. 0085: 14 value not supported here,
    # 26 duplicate.
    "set_type_unsupported": Code("set", "1", "14"),
    "set_not_closed": Code("set", "2", "13"),
    "set_control": Code("set", "3", "28"),
    "set_count": Code("set", "4", "29"),
    "line_count": Code("set", SET_HAS_SEGMENT_ERRORS, "29"),
    "snapshot_unproven": Code("set", SET_HAS_SEGMENT_ERRORS, "29"),
    "set_damaged": Code("set", SET_HAS_SEGMENT_ERRORS, UNSPECIFIED),
    "group_mismatch": Code("set", "6", "14"),
    "set_control_missing": Code("set", "7", "13"),
    "set_repeated": Code("set", "23", "26"),
    "set_conflict": Code("set", "23", "26"),
    # 720: 1 unrecognized id, 3 mandatory segment missing, 5 exceeds maximum use, 7 not in sequence, 8 element errors.
    # 0085: 15 not supported in this position, 35 too many repetitions.
    "segment_unknown": Code("segment", "1", "15"),
    "header_missing": Code("segment", "3", "13"),
    "header_repeated": Code("segment", "5", "35"),
    "value_repeated": Code("segment", "5", "35"),
    "quantity_repeated": Code("segment", "5", "35"),
    "segment_misplaced": Code("segment", "7", "15"),
    # Which element should have said it depends on the partner's guide.
    "item_missing": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    "quantity_missing": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    "uom_missing": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    "moment_missing": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    "location_missing": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    "sign_contradicts": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "12"),
    "spread_beside_total": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, UNSPECIFIED),
    "too_many_interchanges": Code("interchange", "024", UNSPECIFIED),
    "too_many_segments": Code("set", SET_HAS_SEGMENT_ERRORS, "29"),
    "too_many_loops": Code("set", SET_HAS_SEGMENT_ERRORS, "29"),
    "lines_missing": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    "reference_missing": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    "event_repeated": Code("segment", "5", "35"),
    "line_incomplete": Code("segment", SEGMENT_HAS_ELEMENT_ERRORS, "13"),
    # 723: 1 mandatory missing, 6 invalid character, 7 invalid code value, 8 invalid date. 0085: 12 invalid value.
    "element_missing": Code("element", "1", "13"),
    "element_form": Code("element", "6", "12"),
    "level_unknown": Code("element", "7", "12"),
    "purpose_unsupported": Code("element", "7", "14"),
    "zone_unknown": Code("element", "7", "14"),
    "no_such_moment": Code("element", "8", "12"),
}
UNANSWERED = {
    "file_empty": "there is no interchange, so nobody to answer",
    "file_binary": "there is no interchange, so nobody to answer",
    "file_compressed": "there is no interchange, so nobody to answer",
    "file_too_large": "the file is not read",
    "no_interchange": "there is no interchange, so nobody to answer",
    "no_set": "there is no set; the interchange is answered by what else is wrong with it",
    "interchange_refused": "it repeats what is wrong with the interchange, which is answered there",
}
PLACES: dict[str, Place] = {
    "una_incomplete": Place("UNA"),
    "sender_unknown": Place("UNB", 2),
    "receiver_unknown": Place("UNB", 3),
    "usage_unknown": Place("UNB", 11),
    "interchange_conflict": Place("UNB", 5),
    "interchange_not_closed": Place("UNZ"),
    "group_not_closed": Place("UNE"),
    "set_not_closed": Place("UNT"),
    "line_count": Place(""),
    "snapshot_unproven": Place(""),
    "set_damaged": Place(""),
}


class Told(NamedTuple):
    """A finding that is answered, and as what."""

    found: Finding
    code: Code


def told(findings: Iterable[Finding], *levels: Level) -> list[Told]:
    """What an acknowledgment says of findings at these levels (all without any); notes are no defects."""
    pairs = (Told(each, CODES[each.code]) for each in findings if each.severity != "note" and each.code in CODES)
    return [each for each in pairs if not levels or each.code.level in levels]


def of_scope(findings: Iterable[Finding], scope: Scope, group: str = "") -> list[Finding]:
    """Defects of an envelope: those of the interchange itself, or of its group with a control number."""
    kept = (each for each in findings if each.severity != "note" and each.scope == scope)
    return [each for each in kept if scope != "group" or each.group == group]


def said(text: str, chars_max: int = 35) -> str:
    """A partner's text as it may be given back: printable, limited. Separators are for the writer."""
    return "".join(each if each.isprintable() else "." for each in text[:chars_max])
