"""Virtual time of the simulation: a heap of actions, executed in time order when the clock reaches them."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from syncline.errors import ConfigurationError
from syncline.twin.network import DEMO, Network

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR_MS = 3_600_000
HOURS_MAX = 31 * 24


@dataclass(frozen=True)
class Day:
    """What is simulated: ``hours`` of business from ``start``, about ``events_per_hour`` WMS events over all sites."""

    seed: int
    start: datetime = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
    hours: float = 4.0
    events_per_hour: int = 400
    cases_per_hour: float = 0.0  # each opens a closed loop (cases.py); none by default
    grace_s: int = 120  # what was begun in business hours is finished in this time after them
    network: Network = DEMO

    def __post_init__(self) -> None:
        if not 0 < self.hours <= HOURS_MAX or not 0 < self.events_per_hour <= 100_000:
            raise ConfigurationError(
                f"A day of {self.hours} hours with {self.events_per_hour} events an hour is not simulated.",
                next_step=f"Give more than 0 and at most {HOURS_MAX} hours, and 1 to 100000 events an hour.",
            )

    @property
    def start_ms(self) -> int:
        return round(self.start.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        """No new business from here on."""
        return self.start_ms + round(self.hours * HOUR_MS)

    def stream(self, name: str) -> Random:
        """A random stream of its own: drawing from one never shifts another."""
        return Random(f"{self.seed}/{name}")


class Schedule:
    """Pending actions. Two at the same instant run in the order they were added."""

    def __init__(self, start_ms: int) -> None:
        self.now_ms = start_ms
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._added = 0

    def at(self, at_ms: int, action: Callable[[int], None]) -> None:
        """Run ``action(at_ms)`` when the clock reaches ``at_ms``; at once when that is past."""
        self._added += 1
        heapq.heappush(self._heap, (max(at_ms, self.now_ms), self._added, action))

    def advance(self, to_ms: int) -> None:
        """Run everything due up to and including ``to_ms``."""
        while self._heap and self._heap[0][0] <= to_ms:
            at_ms, _, action = heapq.heappop(self._heap)
            self.now_ms = at_ms
            action(at_ms)
        self.now_ms = max(self.now_ms, to_ms)

    @property
    def is_empty(self) -> bool:
        return not self._heap

    def repeat(self, rng: Random, per_hour: float, end_ms: int, action: Callable[[int], None]) -> None:
        """Run ``action`` at random instants (Poisson, ``per_hour`` on average) until ``end_ms``."""
        if per_hour <= 0:
            return

        def next_ms(after_ms: int) -> int:
            return after_ms + max(1, math.ceil(rng.expovariate(per_hour) * HOUR_MS))

        def run(at_ms: int) -> None:
            action(at_ms)
            if (following := next_ms(at_ms)) < end_ms:
                self.at(following, run)

        if (first := next_ms(self.now_ms)) < end_ms:
            self.at(first, run)
