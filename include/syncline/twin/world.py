"""The simulated network as a whole: opening, business, and what it shows to the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.twin.books import Books
from syncline.twin.cases import Cases
from syncline.twin.faults import FaultCount, Faults
from syncline.twin.floor import Floor
from syncline.twin.ledger import Key
from syncline.twin.network import SAFETY_STOCK
from syncline.twin.orders import Orders
from syncline.twin.schedule import Day, Schedule
from syncline.twin.shop_book import ShopBook

if TYPE_CHECKING:
    from syncline.twin.deliveries import Delivery

ORDER_SHARE = 0.2  # of the events; an order makes about three: allocation, pick, shipment
FLOOR_SHARE = 0.4
STALE_OPENING_RATE = 0.25


class World:
    """Advance it to an instant; everything else follows from the seed and from what the shop is told meanwhile."""

    def __init__(self, day: Day, faults: Faults) -> None:
        self.day = day
        self.faults = faults
        self.count = FaultCount()
        self.schedule = Schedule(day.start_ms)
        self.books = Books(day, self.schedule, faults, self.count)
        self.shop = ShopBook()
        self.files: list[Delivery] = []  # in the order in which they appeared
        self.advices: dict[str, int] = {}  # reference of an 846 -> the true as-of of its quantities, epoch ms
        self.misstated: dict[tuple[str, Key], int] = {}  # (reference of an 846, key) -> units that its line is off
        self.documents: dict[str, int] = {}  # transaction that a document tells -> when it was truly posted, epoch ms
        self.orders = Orders(day, self.schedule, self.books, self.shop)
        self.erp_opening: dict[tuple[str, str], int] = {}
        self.shop_opening: dict[tuple[str, str], int] = {}
        self.books.open(day.start_ms)
        self._open_targets()
        self.orders.start(day.events_per_hour * ORDER_SHARE)
        shares = sum(site.demand_share for site in day.network.sites)
        for site in day.network.sites:
            per_hour = day.events_per_hour * FLOOR_SHARE * site.demand_share / shares
            Floor(site.location, day, self.schedule, self.books).start(per_hour)
        self.cases = Cases(day, self.schedule, self.books, self.orders.list)
        self.cases.start(day.cases_per_hour)

    def advance(self, to_ms: int) -> None:
        self.schedule.advance(to_ms)

    def is_quiet(self, now_ms: int) -> bool:
        """Business is over, nothing is scheduled any more and everything posted is visible."""
        return (
            now_ms > self.day.end_ms
            and self.schedule.is_empty
            and all(log.last_visible_ms <= now_ms for log in self.books.logs.values())
        )

    @property
    def final_file_ms(self) -> int:
        """After the last posting by more than any clock skew, so that the last file is provably the newest word."""
        return self.day.end_ms + (self.day.grace_s + self.faults.late_max_s + 240) * 1000

    def _open_targets(self) -> None:
        """ERP and shop start with last night's numbers: some are off by a few units."""
        rng = self.day.stream("targets")
        for site in self.day.network.sites:
            for item in self.day.network.items:
                on_hand = self.books.balance(site.location, item.sku, "on_hand")
                available = self.orders.sellable(site.location, item.sku) - SAFETY_STOCK[item.item_class]
                errors = [rng.randint(-4, 4) if rng.random() < STALE_OPENING_RATE else 0 for _ in range(2)]
                self.erp_opening[item.sku, site.location] = max(0, on_hand + errors[0])
                self.shop_opening[item.sku, site.location] = max(0, available + errors[1])
                self.shop.open(item.sku, site.location, max(0, available + errors[1]), self.day.start_ms)
