"""A belief: what somebody held to be the quantity of a key, and since when."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import NamedTuple


class StockKey(NamedTuple):
    item: str
    location: str


class Timeline:
    """Quantity of each key over time. Times of one key must not go back; times are epoch milliseconds."""

    def __init__(self) -> None:
        self._times: dict[StockKey, list[int]] = defaultdict(list)
        self._quantities: dict[StockKey, list[int]] = defaultdict(list)

    def set(self, key: StockKey, at_ms: int, quantity: int) -> None:
        if self._times[key] and at_ms < self._times[key][-1]:
            raise ValueError(f"{key}: a belief at {at_ms} comes after one at {self._times[key][-1]}")
        self._times[key].append(at_ms)
        self._quantities[key].append(quantity)

    def at(self, key: StockKey, at_ms: int) -> int:
        """The quantity believed at ``at_ms``; 0 for a key never heard of."""
        index = bisect_right(self._times.get(key, ()), at_ms)
        return self._quantities[key][index - 1] if index else 0

    def changed_ms(self, key: StockKey, at_ms: int) -> int:
        """When the belief held at ``at_ms`` began; 0 for a key never heard of."""
        index = bisect_right(self._times.get(key, ()), at_ms)
        return self._times[key][index - 1] if index else 0

    def last(self, key: StockKey) -> int:
        return self._quantities[key][-1] if self._times.get(key) else 0
