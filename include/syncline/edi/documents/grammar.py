"""Declared segments: which element is called what, must be there, and has which form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from syncline.edi.errors import shown
from syncline.edi.tokenizer import Segment

Defect = tuple[str, str, int]  # code, text, element


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of element: ``pattern`` must match all of it."""

    name: str
    pattern: re.Pattern[str]


# Quantities stay text; a plain decimal is all that is accepted: no sign but minus, no exponent, no grouping.
QUANTITY = Form("a plain decimal number", re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?"))
DATE = Form("a date CCYYMMDD", re.compile(r"[0-9]{8}"))
TIME = Form("a time HHMM, HHMMSS or HHMMSSDD", re.compile(r"[0-9]{4}([0-9]{2}([0-9]{1,2})?)?"))
CODE = Form("a code", re.compile(r"[A-Z0-9]{1,3}"))
# Longer than any reference in use, and nothing that a log, a file name or a table cannot hold.
TEXT = Form(
    "printable text of at most 80 characters", re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,80}")
)
COUNT = Form("a count", re.compile(r"[0-9]{1,9}"))


@dataclass(frozen=True, slots=True)
class Element:
    """Element ``position`` (from 1) of a segment, called ``name``."""

    position: int
    name: str
    form: Form
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """The elements of one segment that are read; the others are passed over."""

    id: str
    elements: tuple[Element, ...]

    def read(self, segment: Segment) -> tuple[dict[str, str], list[Defect]]:
        """Values by name (empty when absent) and every defect with its element."""
        values = {element.name: segment.get(element.position) for element in self.elements}
        return values, list(self._defects(values))

    def _defects(self, values: dict[str, str]) -> Iterator[Defect]:
        for element in self.elements:
            value = values[element.name]
            where = f"{self.id}{element.position:02d} ({element.name})"
            if not value:
                if element.is_required:
                    yield "element_missing", f"{where} is empty", element.position
            elif not element.form.pattern.fullmatch(value):
                yield "element_form", f"{where} is {shown(value)}, not {element.form.name}", element.position
