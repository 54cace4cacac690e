"""Reject older: a message whose own time is older than the last one applied is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.twin.baselines.baseline import Baseline

if TYPE_CHECKING:
    from syncline.twin.crosswalk import StockKey
    from syncline.twin.statements import Statement


class RejectOlder(Baseline):
    """The newest own time of each key and measure is kept; what is older is dropped, movement or balance.

    No idempotency keys: a repeat with the same time is not older, a retry is newer.
    """

    name = "reject older"

    def __init__(self, *openings: dict[StockKey, int]) -> None:
        super().__init__(*openings)
        self._newest_ms: dict[tuple[StockKey, str], int] = {}

    def accepts(self, told: Statement) -> bool:
        slot = told.key, told.measure
        if told.own_ms < self._newest_ms.get(slot, told.own_ms):
            return False
        self._newest_ms[slot] = told.own_ms
        return True
