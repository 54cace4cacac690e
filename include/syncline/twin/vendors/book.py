"""What a stand-in holds: numbers, and every effect with the reference that it came with."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

Key = tuple[str, str]  # item, location, as the target writes them


class Effect(NamedTuple):
    """One change of a number. ``reference`` None: somebody else's, told to nobody."""

    item: str
    location: str
    delta: int
    after: int
    reference: str | None


@dataclass
class Book:
    """Numbers of one target, safe between threads. Asked twice, it does it twice: protection is the API's."""

    numbers: dict[Key, int] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def add(self, key: Key, delta: int, reference: str | None = None) -> int:
        """Change a number; returns it as it is then. Raises KeyError for a key that is not stocked."""
        with self.lock:
            after = self.numbers[key] + delta
            self.numbers[key] = after
            self.effects.append(Effect(*key, delta, after, reference))
            return after

    def set(self, key: Key, quantity: int, reference: str | None = None) -> int:
        """Set a number; returns by how much it changed."""
        with self.lock:
            delta = quantity - self.numbers[key]
            self.add(key, delta, reference)
            return delta

    def of(self, reference: str) -> list[Effect]:
        """Effects that came with ``reference``."""
        with self.lock:
            return [each for each in self.effects if each.reference == reference]
