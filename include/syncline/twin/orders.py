"""Customers buy what the shop shows; the site allocates what was sold, picks it and ships what is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from syncline.twin.books import Effect
from syncline.twin.order_list import OrderList

if TYPE_CHECKING:
    from syncline.twin.books import Books
    from syncline.twin.schedule import Day, Schedule
    from syncline.twin.shop_book import ShopBook

# Less than a partner's clock skew: a statement that is provably later than an order has its allocation in it.
ALLOCATE_AFTER_S = (10, 50)
SHIP_AFTER_S = (300, 2400)
CANCEL_RATE = 0.03
SPLIT_RATE = 0.15


@dataclass(frozen=True)
class Attempt:
    """One try to buy: the units asked, what the shop showed, what could truly be sold then, what was sold."""

    at_ms: int
    item: str
    location: str
    asked: int
    shown: int
    sellable: int
    taken: int
    order_line: str


@dataclass(frozen=True)
class OrderLine:
    """``is_final``: what is not shipped with it is not shipped at all."""

    order_line: str
    item: str
    quantity: int
    is_final: bool = True


class Orders:
    """Demand and its fulfilment. Demand is answered by the shop's live number, so overselling is possible."""

    def __init__(self, day: Day, schedule: Schedule, books: Books, shop: ShopBook) -> None:
        self.attempts: list[Attempt] = []
        self.list = OrderList(day.network)
        self._day, self._schedule, self._books, self._shop = day, schedule, books, shop
        self._demand = day.stream("demand")
        self._work = day.stream("fulfilment")
        self._in_flight: Counter[tuple[str, str]] = Counter()
        self._sites, self._items = day.network.sites, day.network.items
        wishes = ((6 if item.scarce else 1) * {"A": 5, "B": 3, "C": 1}[item.item_class] for item in self._items)
        self._item_weights = list(accumulate(wishes))
        self._orders = 0
        self._shipments = 0

    def start(self, per_hour: float) -> None:
        self._schedule.repeat(self._demand, per_hour, self._day.end_ms, self._order)

    def sellable(self, location: str, item: str) -> int:
        """Units that truly could still be sold: pickable, less allocated, less sold but not allocated yet."""
        promised = self._books.balance(location, item, "allocated") + self._in_flight[location, item]
        return max(0, self._books.pickable(location, item) - promised)

    def _order(self, at_ms: int) -> None:
        location = self._demand.choices(self._sites, [site.demand_share for site in self._sites])[0].location
        wanted = {
            item.sku: self._demand.randint(1, 4)
            for item in self._demand.choices(self._items, cum_weights=self._item_weights, k=self._demand.randint(1, 2))
        }
        self._orders += 1
        lines = []
        for number, (item, asked) in enumerate(wanted.items(), 1):
            order_line = f"O-{self._orders:06d}/{number}"
            shown, sellable = self._shop.available(item, location), self.sellable(location, item)
            taken = self._shop.take(item, location, asked, order_line, at_ms)
            self.attempts.append(Attempt(at_ms, item, location, asked, shown, sellable, taken, order_line))
            if taken:
                self._in_flight[location, item] += taken
                lines.append(OrderLine(order_line, item, taken))
        if lines:
            allocate_ms = at_ms + self._work.randint(*ALLOCATE_AFTER_S) * 1000
            self._schedule.at(allocate_ms, lambda now_ms: self._allocate(now_ms, location, lines))

    def _allocate(self, at_ms: int, location: str, lines: list[OrderLine]) -> None:
        """Reserve every unit sold, also those that are not there: they end as a short shipment."""
        for line in lines:
            self._in_flight[location, line.item] -= line.quantity
            self.list.release(at_ms, location, line.order_line, line.item, line.quantity)
        told = [
            {"sku": line.item, "uom": "EA", "delta": line.quantity, "measure": "allocated", "reason": "order",
             "order_line": line.order_line}
            for line in lines
        ]  # fmt: skip
        effects = [Effect(line.item, "allocated", line.quantity) for line in lines]
        self._books.post(location, at_ms, "inventory.adjusted", told, effects, "allocation", mode="delta")
        cancelled = self._work.random() < CANCEL_RATE
        follow_ms = at_ms + self._work.randint(*SHIP_AFTER_S) * 1000
        if follow_ms >= self._day.end_ms:
            return
        if cancelled:
            self._schedule.at(follow_ms, lambda now_ms: self._cancel(now_ms, location, lines))
            return
        self._schedule.at(max(at_ms, follow_ms - 60_000), lambda now_ms: self._pick(now_ms, location, lines))
        split = [line.quantity // 2 if self._work.random() < SPLIT_RATE else 0 for line in lines]
        now = [
            OrderLine(line.order_line, line.item, line.quantity - later, is_final=not later)
            for line, later in zip(lines, split, strict=True)
        ]
        rest = [OrderLine(line.order_line, line.item, later) for line, later in zip(lines, split, strict=True) if later]
        self._schedule.at(follow_ms, lambda now_ms: self._ship(now_ms, location, now))
        rest_ms = follow_ms + self._work.randint(120, 900) * 1000
        if rest and rest_ms < self._day.end_ms:
            self._schedule.at(rest_ms, lambda now_ms: self._ship(now_ms, location, rest))

    def _cancel(self, at_ms: int, location: str, lines: list[OrderLine]) -> None:
        for line in lines:
            self.list.cancel(line.order_line)
        told = [
            {
                "sku": line.item,
                "uom": "EA",
                "delta": -line.quantity,
                "measure": "allocated",
                "reason": "order_cancelled",
            }
            for line in lines
        ]
        effects = [Effect(line.item, "allocated", -line.quantity) for line in lines]
        self._books.post(location, at_ms, "inventory.adjusted", told, effects, "cancellation", mode="delta")

    def _pick(self, at_ms: int, location: str, lines: list[OrderLine]) -> None:
        """Carry the units to the dock: a move between bins, which leaves every total alone."""
        told = [
            {"sku": line.item, "uom": "EA", "quantity": line.quantity,
             "from_bin": f"P-{line.item[-2:]}", "to_bin": "DOCK-1", "from_condition": "good", "to_condition": "good"}
            for line in lines
        ]  # fmt: skip
        self._books.post(location, at_ms, "inventory.moved", told, [], "pick")

    def _ship(self, at_ms: int, location: str, lines: list[OrderLine]) -> None:
        """Ship what is there; release the whole reservation, so a short line ends here."""
        told, effects = [], []
        for line in lines:
            shipped = min(line.quantity, max(0, self._books.pickable(location, line.item)))
            told.append(
                {
                    "sku": line.item,
                    "uom": "EA",
                    "quantity": shipped,
                    "released": line.quantity,
                    "order_line": line.order_line,
                    "final": line.is_final,
                }
            )
            effects += [Effect(line.item, "on_hand", -shipped)] if shipped else []
            effects.append(Effect(line.item, "allocated", -line.quantity))
        self._shipments += 1
        shipment_id = f"S-{self._shipments:06d}"
        self._books.post(location, at_ms, "shipment.confirmed", told, effects, "shipment", shipment_id=shipment_id)
