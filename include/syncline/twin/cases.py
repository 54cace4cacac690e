"""What goes otherwise than asked: one case of each kind of loop after another, with what its loop has to say.

A case is made of what the partners of a real one do: the ERP releases, cancels or authorises, the WMS of ``ORIGIN``
ships, the 3PL of ``SITE`` tells by 945, 944, 947, and a supplier by 856. Ordinary business goes on beside it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.twin.books import Effect
from syncline.twin.edi.model import Shipment, ShippedLine
from syncline.twin.wms_log import iso_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncline.twin.books import Books
    from syncline.twin.network import Item
    from syncline.twin.order_list import OrderList
    from syncline.twin.schedule import Day, Schedule

SITE, ORIGIN, SUPPLIER = "DC3", "DC2", "SUPPLIER"
ENOUGH = 30  # units to pick of an item, so that ordinary orders leave what a case needs
TAKES_MS = 20 * 60_000  # from its first message to its last
STEP_S = (240, 480)


class Case(NamedTuple):
    """The loop that a case opens, in base units. ``subject``: release, shipment, return or event."""

    kind: str
    subject: str
    item: str
    location: str
    expected: int
    happened: int
    missing: int


class Cases:
    """``made``: what has happened so far. ``returns``: the authorised returns, as the order system exports them."""

    def __init__(self, day: Day, schedule: Schedule, books: Books, orders: OrderList) -> None:
        self.made: list[Case] = []
        self.returns: list[dict[str, Any]] = []
        self._day, self._schedule, self._books, self._orders = day, schedule, books, orders
        self._rng = day.stream("cases")
        self._announce: dict[str, Callable[[int, Shipment], None]] = {}
        self._begun = 0
        self._kinds = (
            self._short_pick, self._substitution, self._cancelled, self._cancelled_after_pick, self._receipt_short,
            self._receipt_over, self._transfer_short, self._transfer_over, self._return, self._count, self._damage,
            self._hold,
        )  # fmt: skip

    def start(self, per_hour: float) -> None:
        self._schedule.repeat(self._rng, per_hour, self._day.end_ms - TAKES_MS, self._begin)

    def announce_at(self, location: str, by: Callable[[int, Shipment], None]) -> None:
        """Who sends what is announced for ``location``."""
        self._announce[location] = by

    def _begin(self, at_ms: int) -> None:
        """The next kind in turn, about an item of which there is enough at both sites; without one it waits."""
        items = [
            item
            for item in self._day.network.items
            if min(self._books.pickable(SITE, item.sku), self._books.pickable(ORIGIN, item.sku)) >= ENOUGH
        ]
        if len(items) < 2:
            return
        item, other = self._rng.sample(items, 2)
        number = self._begun
        self._begun += 1
        self._kinds[number % len(self._kinds)](at_ms, f"{number + 1:05d}", item, other)

    def _later(self, at_ms: int, action: Callable[[int], Any]) -> None:
        self._schedule.at(at_ms + self._rng.randint(*STEP_S) * 1000, action)

    def _post(self, at_ms: int, kind: str, line: dict[str, Any], effects: list[Effect], reason: str) -> str:
        return self._books.post(SITE, at_ms, kind, [line], effects, reason)

    # Releases ---------------------------------------------------------------------------------------------------
    def _release(self, at_ms: int, number: str, item: Item) -> tuple[str, int]:
        order_line, units = f"C-{number}/1", self._rng.randint(4, 9)
        self._orders.release(at_ms, SITE, order_line, item.sku, units)
        return order_line, units

    def _ship(self, at_ms: int, order_line: str, released: int, parts: list[tuple[Item, int, str]]) -> None:
        """``parts``: item, units, and the item that was ordered where it is another; nothing more will come."""
        lines = [
            {"sku": item.sku, "uom": "EA", "quantity": units, "released": units if instead_of else released,
             "order_line": order_line, "final": True, "instead_of": instead_of}
            for item, units, instead_of in parts
        ]  # fmt: skip
        effects = [Effect(item.sku, "on_hand", -units) for item, units, _ in parts if units]
        self._books.post(SITE, at_ms, "shipment.confirmed", lines, effects, "shipment")

    def _short_pick(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        order_line, units = self._release(at_ms, number, item)
        left = self._rng.randint(1, units - 1)
        self._later(at_ms, lambda now_ms: self._ship(now_ms, order_line, units, [(item, left, "")]))
        self.made.append(Case("short_pick", order_line, item.sku, SITE, units, left, units - left))

    def _substitution(self, at_ms: int, number: str, item: Item, other: Item) -> None:
        order_line, units = self._release(at_ms, number, item)
        left = self._rng.randint(1, units - 1)
        parts = [(item, left, ""), (other, units - left, item.sku)]
        self._later(at_ms, lambda now_ms: self._ship(now_ms, order_line, units, parts))
        self.made.append(Case("substitution", order_line, item.sku, SITE, units, left, 0))

    def _cancelled(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        order_line, _units = self._release(at_ms, number, item)
        self._later(at_ms, lambda _ms: self._orders.cancel(order_line))
        self.made.append(Case("cancelled", order_line, item.sku, SITE, 0, 0, 0))

    def _cancelled_after_pick(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        """The floor has begun when the ERP takes the line back: what left, left for nobody."""
        order_line, units = self._release(at_ms, number, item)

        def cross(now_ms: int) -> None:
            self._orders.cancel(order_line)
            self._ship(now_ms, order_line, units, [(item, units, "")])

        self._later(at_ms, cross)
        self.made.append(Case("cancelled_after_pick", order_line, item.sku, SITE, 0, units, 0))

    # Goods that come --------------------------------------------------------------------------------------------
    def _receive(self, at_ms: int, item: Item, units: int, reason: str, condition: str = "good", **said: str) -> str:
        line = {"sku": item.sku, "uom": "EA", "quantity": units, "condition": condition, "reason": reason, **said}
        effects = [Effect(item.sku, "on_hand", units)]
        if condition == "hold":
            effects.append(Effect(item.sku, "quarantined", units))
        return self._post(at_ms, "inventory.received", line, effects, reason)

    def _announced(self, at_ms: int, number: str, item: Item, came: Callable[[int], int], kind: str) -> None:
        units = self._rng.randint(6, 12)
        arrived, shipment = came(units), f"ASN-{number}"
        if by := self._announce.get(SITE):
            by(at_ms, _ship_notice(at_ms, shipment, f"PO-{number}", item.sku, units))
        self._later(at_ms, lambda now_ms: self._receive(now_ms, item, arrived, "receipt", shipment=shipment))
        self.made.append(Case(kind, shipment, item.sku, SITE, units, arrived, units - arrived))

    def _receipt_short(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        self._announced(at_ms, number, item, lambda units: units - self._rng.randint(1, 4), "receipt_short")

    def _receipt_over(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        self._announced(at_ms, number, item, lambda units: units + self._rng.randint(1, 4), "receipt_over")

    def _transfer(self, at_ms: int, number: str, item: Item, came: Callable[[int], int], kind: str) -> None:
        """Both sites tell it under the number of the one where it left: one event with two ends."""
        units = self._rng.randint(5, 9)
        arrived = came(units)
        line = {"sku": item.sku, "uom": "EA", "quantity": units, "released": units, "order_line": f"TO-{number}/1"}
        left = self._books.post(
            ORIGIN, at_ms, "shipment.confirmed", [line], [Effect(item.sku, "on_hand", -units)], "transfer",
            shipment_id=f"TS-{number}",
        )  # fmt: skip
        self._later(at_ms, lambda now_ms: self._receive(now_ms, item, arrived, "transfer", told_as=left))
        self.made.append(Case(kind, f"{left}/1", item.sku, ORIGIN, units, arrived, units - arrived))

    def _transfer_short(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        self._transfer(at_ms, number, item, lambda units: units - self._rng.randint(1, 4), "transfer_short")

    def _transfer_over(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        self._transfer(at_ms, number, item, lambda units: units + self._rng.randint(1, 4), "transfer_over")

    def _return(self, at_ms: int, number: str, item: Item, _: Item) -> None:
        """Authorised and refunded; less comes back, and waits in quarantine."""
        units = self._rng.randint(3, 6)
        came, name = units - self._rng.randint(1, 2), f"RMA-{number}"
        self.returns.append({
            "return": name, "item": item.sku, "location": SITE, "quantity": units, "authorised_at": iso_ms(at_ms),
            "refunded_at": iso_ms(at_ms),
        })  # fmt: skip
        self._later(at_ms, lambda now_ms: self._receive(now_ms, item, came, "return", "hold", authorisation=name))
        self.made.append(Case("return", name, item.sku, SITE, units, came, units - came))

    # Goods that are there ---------------------------------------------------------------------------------------
    def _count(self, at_ms: int, _number: str, item: Item, _: Item) -> None:
        """The shelf holds less than the books: the 3PL tells the difference as what a count found."""
        gone = self._rng.randint(1, 3)
        there = self._books.balance(SITE, item.sku, "on_hand")
        event = self._books.post_count(SITE, at_ms, "on_hand", {item.sku: there - gone}, "cycle count")
        self.made.append(Case("cycle_count", f"{event}/1", item.sku, SITE, 0, -gone, gone))

    def _set_aside(self, at_ms: int, item: Item, measure: str, kind: str) -> None:
        units = self._rng.randint(1, 3)
        line = {"sku": item.sku, "uom": "EA", "delta": units, "measure": measure, "reason": kind}
        event = self._post(at_ms, "inventory.adjusted", line, [Effect(item.sku, measure, units)], kind)
        self.made.append(Case(kind, f"{event}/1", item.sku, SITE, 0, units, 0))

    def _damage(self, at_ms: int, _number: str, item: Item, _: Item) -> None:
        self._set_aside(at_ms, item, "damaged", "damage")

    def _hold(self, at_ms: int, _number: str, item: Item, _: Item) -> None:
        self._set_aside(at_ms, item, "quarantined", "hold")


def _ship_notice(at_ms: int, reference: str, order: str, sku: str, units: int) -> Shipment:
    """In our own words: who sends it writes the codes of its partner."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    line = ShippedLine(item=sku, unit="EA", ordered=Decimal(units), shipped=Decimal(units))
    return Shipment(
        kind="856", reference=reference, created=at, at=at, order=order, ship_from=SUPPLIER, ship_to=SITE, lines=(line,)
    )
