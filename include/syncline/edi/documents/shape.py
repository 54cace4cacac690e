"""Loops of a known shape, read as they stand in the text: one match a loop, and the rows of many of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from syncline.landing import Fact

if TYPE_CHECKING:
    from syncline.edi.documents.snapshots import Snapshot

SEPARATOR = "\x1f"  # no printable text has it
Row = tuple[Any, ...]
# Loops behind each other: how many, the number of the first segment, the ordinal that each loop name has before them,
# and a column for each group of the pattern: texts, or the bytes at which facts stand.
Told = tuple[int, int, list[int], list[Sequence[Any]]]
_key = itemgetter(*(Fact._fields.index(name) for name in ("line_key", "location_ref", "status_ref")))


@dataclass(slots=True, eq=False)
class Shape:
    """How loops of one shape become facts. ``size`` is in segments, ``counts`` are the loops in one by name.

    ``is_byte`` tells of each group of ``pattern`` whether it says where a fact stands. ``forms`` are all composed
    fields of all facts in one text, filled from ``parts``. Those, and the fields of the facts in ``rows``, are places
    in the groups, ``ordinals`` (name and number of a loop), ``stands`` (segments in the loop), and, behind them for
    the rows, the composed fields and ``constants``. ``quantities`` are places in the groups. ``may_repeat``: two facts
    of a loop may say the same thing.
    """

    pattern: re.Pattern[str]
    size: int
    counts: dict[str, int]
    is_byte: list[bool]
    ordinals: list[tuple[str, int]]
    stands: list[int]
    forms: str
    parts: list[int]
    rows: list[list[int]]
    constants: list[Any]
    quantities: list[int]
    may_repeat: bool

    def find(self, text: str, at: int) -> list[re.Match[str]]:
        """The loops of this shape that stand behind each other from ``at`` on."""
        found = []
        for each in self.pattern.finditer(text, at):
            if each.start() != at:
                break
            found.append(each)
            at = each.end()
        return found

    def told(self, found: list[re.Match[str]], number: int, offset: int, ordinals: dict[str, int]) -> Told:
        """What ``found`` say: the first segment of them is ``number``, and their text begins at byte ``offset``."""
        texts = list(zip(*map(re.Match.groups, found), strict=True))
        columns: list[Sequence[Any]] = [
            [offset + each.start(group) for each in found] if is_byte else texts[group - 1]
            for group, is_byte in enumerate(self.is_byte, 1)
        ]
        return len(found), number, [ordinals.get(name, 0) for name, _ in self.ordinals], columns

    def counted(self, ordinals: dict[str, int], loops: int) -> dict[str, int]:
        """The ordinals behind so many loops of this shape."""
        return ordinals | {name: ordinals.get(name, 0) + count * loops for name, count in self.counts.items()}

    def facts(self, told: Told) -> Iterator[Row]:
        """Their facts, in the order of the file."""
        count, number, ordinals, columns = told
        fields: list[Any] = list(columns)
        for base, (name, own) in zip(ordinals, self.ordinals, strict=True):
            fields.append(_steps(base + own, self.counts.get(name, 0), count))
        fields += [_steps(number + at, self.size, count) for at in self.stands]
        composed = map(self.forms.__mod__, zip(*[fields[part] for part in self.parts], strict=True))
        fields += zip(*map(str.split, composed, repeat(SEPARATOR)), strict=True)
        fields += map(repeat, self.constants)
        rows = [zip(*[fields[field] for field in row], strict=False) for row in self.rows]
        return rows[0] if len(rows) == 1 else chain.from_iterable(zip(*rows, strict=True))

    def plain(self, told: Told, snapshot: Snapshot | None) -> int:
        """How many loops there are before one that says something twice, or of what ``snapshot`` does not cover."""
        if not self.may_repeat and snapshot is None:
            return told[0]
        facts = map(_key, self.facts(told))
        for number, keys in enumerate(zip(*[facts] * len(self.rows), strict=True)):
            if len(set(keys)) < len(keys):
                return number
            if snapshot is not None and not snapshot.covers({location for _, location, _ in keys}):
                return number
        return told[0]


def _steps(first: int, step: int, count: int) -> Sequence[int]:
    return range(first, first + step * count, step) if step else [first] * count
