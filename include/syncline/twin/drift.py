"""Drift over time: how far a number was from the truth, and for how long."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.twin.crosswalk import StockKey


@dataclass(slots=True)
class _Gap:
    since_ms: int
    truth: int | None = None
    shown: int = 0


@dataclass
class DriftMeter:
    """Sum over all keys of |shown − truth| × time inside ``[start_ms, end_ms]``: exact, in unit-milliseconds.

    ``wrong_ms``: for how long a key of a location was wrong, by whatever, over all its keys; whole after ``unit_ms``.
    Feed it in time order. What was set before ``start_ms`` holds from there on;
    a key counts from when its truth is set.
    """

    start_ms: int
    end_ms: int
    wrong_ms: Counter[str] = field(default_factory=Counter)
    _total: int = 0
    _gaps: dict[StockKey, _Gap] = field(default_factory=dict)

    def set_truth(self, key: StockKey, at_ms: int, units: int) -> None:
        self._at(key, at_ms).truth = units

    def set_shown(self, key: StockKey, at_ms: int, units: int) -> None:
        self._at(key, at_ms).shown = units

    def unit_ms(self) -> int:
        """The sum up to ``end_ms``."""
        for key in self._gaps:
            self._at(key, self.end_ms)
        return self._total

    def _at(self, key: StockKey, at_ms: int) -> _Gap:
        at_ms = min(max(at_ms, self.start_ms), self.end_ms)
        gap = self._gaps.setdefault(key, _Gap(at_ms))
        # A clock that stepped back counts nothing twice.
        if at_ms > gap.since_ms:
            off = 0 if gap.truth is None else abs(gap.shown - gap.truth)
            self._total += off * (at_ms - gap.since_ms)
            if off:
                self.wrong_ms[key.location] += at_ms - gap.since_ms
            gap.since_ms = at_ms
        return gap
