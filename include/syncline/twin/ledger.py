"""Ground truth: an append-only ledger for each (location, item, measure), readable as of any instant."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple


class Key(NamedTuple):
    location: str
    item: str
    measure: str


@dataclass(frozen=True)
class Entry:
    """One true change. ``at_ms`` is the virtual epoch millisecond at which the owner posted it."""

    at_ms: int
    delta: int
    balance: int
    reason: str


class Ledger:
    """Truth of every key. Entries of a key are in time order; the first one is its opening."""

    def __init__(self) -> None:
        self._entries: dict[Key, list[Entry]] = defaultdict(list)

    def open(self, key: Key, at_ms: int, quantity: int) -> None:
        if self._entries[key]:
            raise ValueError(f"{key} is open already")
        self._entries[key].append(Entry(at_ms, quantity, quantity, "opening"))

    def post(self, key: Key, at_ms: int, delta: int, reason: str) -> int:
        """Append a change and return the balance after it. Physical stock below zero is a defect of the simulator."""
        entries = self._entries[key]
        balance = entries[-1].balance + delta
        if balance < 0:
            raise ValueError(f"{key} would be {balance} after {reason}")
        if at_ms < entries[-1].at_ms:
            raise ValueError(f"{key}: {reason} goes back in time")
        entries.append(Entry(at_ms, delta, balance, reason))
        return balance

    def balance(self, key: Key) -> int:
        return self._entries[key][-1].balance

    def balance_at(self, key: Key, at_ms: int) -> int:
        """Balance with everything posted up to and including ``at_ms``; the opening before that."""
        entries = self._entries[key]
        index = bisect_right(entries, at_ms, key=lambda entry: entry.at_ms)
        return entries[max(index, 1) - 1].balance

    def entries(self, key: Key) -> list[Entry]:
        return list(self._entries.get(key, ()))

    def every_key(self) -> list[Key]:
        return list(self._entries)
