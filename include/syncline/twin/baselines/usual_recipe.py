"""The usual recipe, done well: idempotency keys, reject older, a queue for each item."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syncline.twin.baselines.baseline import Baseline

if TYPE_CHECKING:
    from syncline.twin.crosswalk import StockKey
    from syncline.twin.orders import Attempt
    from syncline.twin.statements import Statement

ALLOCATION = "alloc:"
ALLOCATED_WITHIN_MS = 60_000  # a statement this much newer than an order has its allocation in it


class UsualRecipe(Baseline):
    """What a good team builds. Statements of a key are worked off one after the other, so no two workers race.

    A transaction line, or a line of a document, counts once; the same with another body is a logged conflict. A balance
    older than anything applied to its key and measure is dropped. Movements commute, so a movement is dropped only when
    it is no newer than the last balance applied: then it is in it. The first balance is the initial load.
    """

    name = "usual recipe"

    def __init__(self, *openings: dict[StockKey, int]) -> None:
        super().__init__(*openings)
        self._bodies: dict[int, tuple[StockKey, int]] = {}
        self._newest_ms: dict[tuple[StockKey, str], int] = {}
        self._balance_ms: dict[tuple[StockKey, str], int] = {}
        self._before_load: dict[tuple[StockKey, str], list[Statement]] = defaultdict(list)
        self._sold: dict[StockKey, dict[str, Attempt]] = defaultdict(dict)  # order lines without an allocation yet

    def accepts(self, told: Statement) -> bool:
        body = told.key, told.units
        known = self._bodies.setdefault(told.told, body)
        if known is not body:
            if known != body:
                self.flagged |= {told.key, known[0]}
            return False
        self._close_sales(told)
        slot = told.key, told.measure
        balance_ms, newest_ms = self._balance_ms.get(slot), self._newest_ms.get(slot, told.own_ms)
        if told.is_balance:
            if balance_ms is not None and told.own_ms < newest_ms:
                return False
            self._balance_ms[slot] = told.own_ms
        elif balance_ms is None:
            self._before_load[slot].append(told)
        elif told.own_ms <= balance_ms:
            return False
        self._newest_ms[slot] = max(newest_ms, told.own_ms)
        return True

    def book(self, told: Statement) -> None:
        super().book(told)
        if told.is_balance:
            for early in self._before_load.pop((told.key, told.measure), ()):
                if early.own_ms > told.own_ms:
                    self._stock[told.key][told.measure] += early.units

    def hear_sale(self, sale: Attempt, key: StockKey) -> None:
        """Hold back what the shop sold until the site tells that it is allocated."""
        self._sold[key][sale.order_line] = sale

    def available(self, key: StockKey) -> int:
        return max(0, self._free(key) - sum(sale.taken for sale in self._sold[key].values()))

    def _close_sales(self, told: Statement) -> None:
        if told.measure != "allocated":
            return
        sold = self._sold[told.key]
        if told.is_balance:
            covered = [line for line, sale in sold.items() if sale.at_ms + ALLOCATED_WITHIN_MS <= told.own_ms]
        else:
            covered = [told.event_key.removeprefix(ALLOCATION)]
        for line in covered:
            sold.pop(line, None)
