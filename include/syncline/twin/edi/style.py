"""How one set is written, where a standard leaves a choice or a partner takes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from syncline.twin.edi.codes import EDIFACT_QUANTITIES, EDIFACT_UNITS, X12_QUANTITIES, X12_UNITS
from syncline.twin.edi.facts import plain
from syncline.twin.edi.model import Document, is_edifact

# One element; a tuple is its components.
Element = str | tuple[str, ...]
Segment = list[Element]

LEADING_ZEROS = 7
DATES_OF_8_FROM = "004010"


@dataclass(frozen=True)
class Body:
    """Segments between the header and the trailer of a set. ``version``: GS08, or of a message ``D:96A:UN``."""

    type: str
    version: str
    segments: list[Segment]


@dataclass(frozen=True)
class Style:
    """Choices of a set.

    ``measure_codes`` and ``unit_codes`` replace the standard's; ``decimal_mark`` is that of the interchange's UNA;
    ``total_off`` falsifies the control total; ``sdq``: 846 by SDQ, ``OH``: with that word for the location.
    """

    version: str = "004010"
    release: Literal["96A", "01B"] = "96A"
    measure_codes: dict[str, str] = field(default_factory=dict)
    unit_codes: dict[str, str] = field(default_factory=dict)
    decimal_mark: str = "."
    has_leading_zeros: bool = False
    has_decimals: bool = False
    has_total: bool = True
    total_off: int = 0
    sdq: Literal["", "only", "OH", "beside"] = ""
    is_unit_in_uit: bool = False
    excludes_exceptions: bool = False  # 944: W0701 counts good stock only
    is_unsigned: bool = False  # 947: the code alone says the direction
    is_difference_negative: bool = False  # 945: W1204 is shipped less ordered

    def quantity(self, value: Decimal) -> str:
        """A number as this partner writes it."""
        text = plain(value)
        if self.has_decimals:
            text = f"{text}00" if "." in text else f"{text}.00"
        if self.has_leading_zeros:
            sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
            text = sign + text.rjust(LEADING_ZEROS, "0")
        return text.replace(".", self.decimal_mark)

    def measure(self, document: Document, measure: str) -> str:
        codes = EDIFACT_QUANTITIES if is_edifact(document.kind) else X12_QUANTITIES
        return self.measure_codes.get(measure, codes[measure])

    def unit(self, document: Document, unit: str) -> str:
        units = EDIFACT_UNITS if is_edifact(document.kind) else X12_UNITS
        return self.unit_codes.get(unit, units[unit])

    def day(self, at: datetime) -> str:
        """X12: eight digits, before 004010 six."""
        return f"{at:%Y%m%d}" if self.version >= DATES_OF_8_FROM else f"{at:%y%m%d}"

    def moment(self, document: Document) -> tuple[str, ...]:
        """X12: day of ``at``, and minute when it is stated."""
        return (self.day(document.at), *([f"{document.at:%H%M}"] if document.has_time else []))
