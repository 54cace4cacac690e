"""What is wrong with a file: collected, never raised, each with its place and its weight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# file: nothing is readable. interchange, group: the envelope lies, its good sets stay. set, line: it is kept out.
Scope = Literal["file", "interchange", "group", "set", "line"]
# error: what it touches is kept out, or the envelope cannot be trusted. warning: bent syntax that is read all the
# same. note: said for the reader, nothing is wrong with the file.
Severity = Literal["error", "warning", "note"]

_ERRORS = """
file_empty file_binary file_compressed file_too_large no_interchange no_set
isa_unreadable isa_widths outside_interchange segment_too_long release_unsupported usage_unknown
too_many_sets too_many_interchanges too_many_segments too_many_loops
interchange_not_closed interchange_count interchange_control interchange_refused sender_unknown receiver_unknown
group_missing group_not_opened group_not_closed group_count group_control
set_control_missing set_repeated set_not_opened set_not_closed set_count set_control set_damaged outside_set
set_type_unsupported header_missing header_repeated segment_unknown segment_misplaced level_unknown line_count
lines_missing element_missing element_form value_repeated purpose_unsupported no_such_moment zone_unknown moment_missing
location_missing item_missing quantity_missing quantity_repeated uom_missing sign_contradicts spread_beside_total
reference_missing event_repeated line_incomplete snapshot_unproven
interchange_conflict set_conflict
"""
_WARNINGS = """
last_terminator_missing lines_wrapped segment_empty element_padded una_incomplete group_mismatch
"""
_NOTES = "measure_unmapped measure_is_no_stock segment_unexpected total_differs"
SEVERITIES: dict[str, Severity] = {
    **dict.fromkeys(_ERRORS.split(), "error"),
    **dict.fromkeys(_WARNINGS.split(), "warning"),
    **dict.fromkeys(_NOTES.split(), "note"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. ``segment_no`` counts from 1 in the file; ``element`` from 1 in its segment, None for all of it.

    ``component`` counts from 1 in its element. ``in_set`` is the segment's number in its set, the opener is 1; 0
    where it stands in none. ``value``: the element as written, its beginning; an acknowledgment may give it back.
    """

    code: str
    message: str
    scope: Scope
    segment_no: int = 0
    segment_id: str = ""
    element: int | None = None
    component: int | None = None
    offset: int = 0
    in_set: int = 0
    interchange: str = ""
    group: str = ""
    set_control: str = ""
    value: str = field(default="", repr=False)

    @property
    def severity(self) -> Severity:
        """How much it weighs in the tolerant mode; a strict partner's warnings are errors."""
        return SEVERITIES[self.code]

    @property
    def position(self) -> str:
        """``segment 12 QTY02 at byte 402``; a component adds ``-3``."""
        if not self.segment_no:
            return "file"
        element = "" if self.element is None else f"{self.element:02d}"
        component = "" if self.component is None else f"-{self.component}"
        return f"segment {self.segment_no} {printable(self.segment_id)}{element}{component} at byte {self.offset}"

    def __str__(self) -> str:
        return f"{self.position}: {self.message} ({self.code})"


def printable(text: str) -> str:
    """``text`` with a mark for each character that a log, a terminal or a database cannot take."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in text)


def shown(value: str) -> str:
    """``value`` of a partner, quoted, printable, limited."""
    return ascii(value[:60])
