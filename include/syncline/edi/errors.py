"""What is wrong with a file: collected, never raised, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# file: nothing is readable. interchange, group: the envelope lies, its good sets stay. set, line: it is kept out.
Scope = Literal["file", "interchange", "group", "set", "line"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One defect. ``segment_no`` counts from 1 in the file; ``element`` from 1 in its segment, None for all of it."""

    code: str
    text: str
    scope: Scope
    file: str
    segment_no: int = 0
    segment_id: str = ""
    element: int | None = None
    offset: int = 0
    interchange: str = ""
    group: str = ""
    set_control: str = ""

    @property
    def position(self) -> str:
        """``segment 12 QTY02 at byte 402``."""
        if not self.segment_no:
            return "file"
        element = "" if self.element is None else f"{self.element:02d}"
        return f"segment {self.segment_no} {self.segment_id}{element} at byte {self.offset}"

    def __str__(self) -> str:
        return f"{self.file}, {self.position}: {self.text} ({self.code})"


def shown(value: str) -> str:
    """``value`` of a partner, quoted, printable, limited."""
    return ascii(value[:60])
