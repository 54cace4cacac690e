"""Why a statement differs from what it is compared with, by the twin's own log: the label of its cause.

A variance is taken apart into what a report mis-stated and what truly moved between the two statements without a
movement being told. The parts add up to the variance, or the label is wrong and says so. No part is Syncline's word: it
gives only which two statements were compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from syncline.twin.books import COUNTED, LOST, MISNAMED, NO_DOCUMENT, NO_FEED

if TYPE_CHECKING:
    from syncline.twin.ledger import Key
    from syncline.twin.verdict_score import Told
    from syncline.twin.world import World

LATE, MISSTATED, UNLABELLED = "late feed", "wrong line", "unlabelled"
# Whose business it is. What is told at last was only late: the way the feeds are read.
CLASSES = {
    LATE: "architecture", LOST: "architecture", MISNAMED: "architecture", NO_FEED: "architecture",
    COUNTED: "operations", MISSTATED: "partner", NO_DOCUMENT: "partner",
}  # fmt: skip
ORDER = (*CLASSES, UNLABELLED)


class Said(NamedTuple):
    """One statement: who, how much, and its line."""

    source: str
    reported: int
    line_key: str


@dataclass(frozen=True)
class Label:
    """``parts``: units by cause, which add up to ``variance``; ``cause`` is the greatest, in ORDER when several are."""

    variance: int
    parts: dict[str, int]

    @property
    def cause(self) -> str:
        if not self.parts:
            return LATE
        return min(self.parts, key=lambda cause: (-abs(self.parts[cause]), ORDER.index(cause)))

    @property
    def cause_class(self) -> str:
        return CLASSES.get(self.cause, UNLABELLED)


class Labels:
    """Labels of a world when all is quiet."""

    def __init__(self, world: World, told: Told) -> None:
        self._told, self._misstated = told, world.misstated
        self._untold = {key: sorted(untold) for key, untold in world.books.untold.items()}

    def of(self, key: Key, said: Said, compared_to: Said) -> Label:
        """Of what ``said`` differs by, with every fact in."""
        to_ms, from_ms = (self._told.as_of_ms(each.source, each.line_key) for each in (said, compared_to))
        moved = self._told.at(key, to_ms) - self._told.at(key, from_ms)
        variance = said.reported - compared_to.reported - moved
        parts: Counter[str] = Counter()
        parts[MISSTATED] = self._off(key, said) - self._off(key, compared_to)
        for why, units in self._unheard(key, min(from_ms, to_ms), max(from_ms, to_ms)).items():
            parts[why] += units if from_ms <= to_ms else -units
        parts[UNLABELLED] = variance - parts.total()
        return Label(variance, {cause: units for cause, units in parts.items() if units})

    def _off(self, key: Key, said: Said) -> int:
        return self._misstated.get((said.line_key.partition("/")[0], key), 0)

    def _unheard(self, key: Key, after_ms: int, to_ms: int) -> Counter[str]:
        untold = self._untold.get(key, [])
        found: Counter[str] = Counter()
        first = bisect_right(untold, after_ms, key=lambda each: each.at_ms)
        for each in untold[first : bisect_right(untold, to_ms, key=lambda each: each.at_ms)]:
            found[each.why] += each.units
        return found
