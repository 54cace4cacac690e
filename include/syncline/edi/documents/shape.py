"""A loop whose shape is known, read by picking: every fact is cast in the mould that the first one left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.edi.documents.forms import FORMS
from syncline.landing import Fact

if TYPE_CHECKING:
    from syncline.edi.tokenizer import Run

TEXT_CHARS_MAX = 80
_DECIMAL = FORMS["decimal"]
POSITION = Fact._fields.index("position")
_LINE, _LOCATION, _MEASURE = (Fact._fields.index(name) for name in ("line_key", "location_ref", "status_ref"))
Pick = Callable[[list[str]], tuple[str, ...]]
Row = tuple[Any, ...]


class Mould(NamedTuple):
    """One fact: its constants, what goes into which field, and the segment it stands at.

    ``plain``: (field, number of the value). ``formed``: (field, a form with %s, the numbers of its values).
    """

    constants: list[Any]
    plain: list[tuple[int, int]]
    formed: list[tuple[int, str, Pick]]
    at: int
    segment_id: str


@dataclass(slots=True)
class Shape:
    """How loops of one shape become facts. ``size`` is in segments, ``counts`` are the loops in one by name.

    The values of a loop are its texts that vary, then ``ordinals`` (name and number of a loop in it). ``negated``
    stand behind a minus: zero has none.
    """

    size: int
    structure: tuple[int, ...]
    expected: tuple[str, ...]
    steer: Pick
    vary: Pick
    empty: Pick
    quantities: list[int]
    ordinals: list[tuple[str, int]]
    negated: list[int]
    moulds: list[Mould]
    counts: dict[str, int]
    may_repeat: bool

    def facts(self, run: Run, first: int, flat: list[str], ordinals: dict[str, int]) -> list[Row] | None:
        """Facts of the loop of this shape that begins at ``first``; None where the interpreter must look."""
        texts = self.vary(flat)
        if not self._is_plain(texts) or any(self.empty(flat)):
            return None
        values = [*texts, *[str(ordinals.get(name, 0) + number) for name, number in self.ordinals]]
        rows = []
        for constants, plain, formed, at, segment_id in self.moulds:
            row = constants.copy()
            for field, number in plain:
                row[field] = values[number]
            for field, form, pick in formed:
                row[field] = form % pick(values)
            row[POSITION] = f"segment {run.number + first + at} {segment_id} at byte {run.offset(first + at)}"
            rows.append(tuple(row))
        if self.may_repeat and len({(row[_LINE], row[_LOCATION], row[_MEASURE]) for row in rows}) < len(rows):
            return None
        return rows

    def _is_plain(self, texts: tuple[str, ...]) -> bool:
        """Texts and quantities that no rule looks at any closer."""
        joined = "".join(texts)
        if " " in joined or not joined.isprintable() or not all(texts) or max(map(len, texts)) > TEXT_CHARS_MAX:
            return False
        for number in self.quantities:
            text = texts[number]
            if text[0] == "-" or (text not in _DECIMAL.known and not _DECIMAL.fits(text)):
                return False
        return all(texts[number].strip("0.") for number in self.negated)
