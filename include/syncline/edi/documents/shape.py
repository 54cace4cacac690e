"""A loop whose shape is known, read by picking: every fact is cast in the mould that the first one left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.edi.documents.forms import FORMS
from syncline.landing import Fact

if TYPE_CHECKING:
    from syncline.edi.tokenizer import Run

TEXT_CHARS_MAX = 80
_DECIMAL = FORMS["decimal"]
_LINE, LOCATION, _MEASURE = (Fact._fields.index(name) for name in ("line_key", "location_ref", "status_ref"))
SEPARATOR = "\x1f"  # no printable text has it
Pick = Callable[[list[Any]], tuple[Any, ...]]
Row = tuple[Any, ...]


@dataclass(slots=True)
class Shape:
    """How loops of one shape become facts. ``size`` is in segments, ``counts`` are the loops in one by name.

    ``forms`` are all composed fields of all facts in one text. They are filled from the texts that vary, ``ordinals``
    (name and number of a loop) and, for each of ``stands`` (segments that facts stand at), its number and byte.
    ``rows`` pick their fields from the texts, the composed fields and ``constants``. ``negated`` stand behind a minus.
    """

    size: int
    structure: tuple[int, ...]
    expected: tuple[str, ...]
    steer: Pick
    vary: Pick
    empty: Pick
    quantities: list[int]
    negated: list[int]
    ordinals: list[tuple[str, int]]
    stands: list[int]
    forms: str
    parts: Pick
    rows: list[Pick]
    constants: list[Any]
    counts: dict[str, int]
    may_repeat: bool

    def facts(self, run: Run, first: int, flat: list[str], ordinals: dict[str, int]) -> list[Row] | None:
        """Facts of the loop of this shape that begins at ``first``; None where the interpreter must look."""
        texts = self.vary(flat)
        if not self._is_plain(texts) or any(self.empty(flat)):
            return None
        said: list[Any] = [*texts, *[ordinals.get(name, 0) + number for name, number in self.ordinals]]
        for at in self.stands:
            said += (run.number + first + at, run.offset(first + at))
        values = [*texts, *(self.forms % self.parts(said)).split(SEPARATOR), *self.constants]
        rows = [pick(values) for pick in self.rows]
        if self.may_repeat and len({(row[_LINE], row[LOCATION], row[_MEASURE]) for row in rows}) < len(rows):
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
