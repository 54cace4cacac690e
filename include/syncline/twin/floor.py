"""The warehouse floor: receipts, returns, moves, damage, holds, finds, scrap and cycle counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.twin.books import Effect

if TYPE_CHECKING:
    from syncline.twin.books import Books
    from syncline.twin.network import Item
    from syncline.twin.schedule import Day, Schedule

OF_WHICH = {"good": None, "damaged": "damaged", "hold": "quarantined"}
WORK = (("receipt", 24), ("return", 10), ("putaway", 14), ("regrade", 14), ("adjust", 14), ("count", 24))
SHRINK_RATE = 0.15


class Floor:
    """Work at one site. Every draw comes from the site's own stream."""

    def __init__(self, location: str, day: Day, schedule: Schedule, books: Books) -> None:
        self._location, self._day, self._schedule, self._books = location, day, schedule, books
        self._rng = day.stream(f"floor/{location}")

    def start(self, per_hour: float) -> None:
        self._schedule.repeat(self._rng, per_hour, self._day.end_ms, self._work)

    def _work(self, at_ms: int) -> None:
        work = self._rng.choices([name for name, _ in WORK], [weight for _, weight in WORK])[0]
        item = self._rng.choice(self._day.network.items)
        {
            "receipt": self._receive,
            "return": self._take_back,
            "putaway": self._put_away,
            "regrade": self._regrade,
            "adjust": self._adjust,
            "count": self._count,
        }[work](at_ms, item)

    def _receive(self, at_ms: int, item: Item) -> None:
        condition = self._rng.choices(("good", "damaged", "hold"), (85, 5, 10))[0]
        reason = self._rng.choices(("purchase", "transfer"), (4, 1))[0]
        if self._rng.random() < 0.4:
            cases = self._rng.randint(1, 2)
            self._book_in(at_ms, item, cases, "CA", cases * item.case_units, condition, reason)
        else:
            units = self._rng.randint(2, 10)
            self._book_in(at_ms, item, units, "EA", units, condition, reason)

    def _take_back(self, at_ms: int, item: Item) -> None:
        units = self._rng.randint(1, 3)
        condition = self._rng.choices(("good", "damaged", "hold"), (60, 25, 15))[0]
        self._book_in(at_ms, item, units, "EA", units, condition, "return")

    def _book_in(
        self, at_ms: int, item: Item, quantity: int, uom: str, units: int, condition: str, reason: str
    ) -> None:
        line = {"sku": item.sku, "uom": uom, "quantity": quantity, "condition": condition, "reason": reason}
        effects = [Effect(item.sku, "on_hand", units)]
        if measure := OF_WHICH[condition]:
            effects.append(Effect(item.sku, measure, units))
        self._books.post(
            self._location, at_ms, "inventory.received", [line], effects, "return" if reason == "return" else "receipt"
        )

    def _put_away(self, at_ms: int, item: Item) -> None:
        if (pickable := self._books.pickable(self._location, item.sku)) > 0:
            self._move(at_ms, item, self._rng.randint(1, pickable), "good", "good", "move")

    def _regrade(self, at_ms: int, item: Item) -> None:
        """Change the condition of some units: on hand stays, the of-which measures move."""
        begin, end = self._rng.choice(
            (("good", "hold"), ("hold", "good"), ("hold", "damaged"), ("good", "damaged"), ("hold", "good"))
        )
        there = (
            self._books.pickable(self._location, item.sku)
            if begin == "good"
            else self._books.balance(self._location, item.sku, "quarantined")
        )
        if there > 0:
            self._move(at_ms, item, self._rng.randint(1, min(there, 4)), begin, end, "regrade")

    def _move(self, at_ms: int, item: Item, units: int, begin: str, end: str, reason: str) -> None:
        line = {"sku": item.sku, "uom": "EA", "quantity": units,
                "from_bin": f"R-{item.number:02d}", "to_bin": f"P-{item.number:02d}",
                "from_condition": begin, "to_condition": end}  # fmt: skip
        changes = ((OF_WHICH[begin], -units), (OF_WHICH[end], units)) if begin != end else ()
        effects = [Effect(item.sku, measure, delta) for measure, delta in changes if measure]
        self._books.post(self._location, at_ms, "inventory.moved", [line], effects, reason)

    def _adjust(self, at_ms: int, item: Item) -> None:
        damaged = self._books.balance(self._location, item.sku, "damaged")
        pickable = self._books.pickable(self._location, item.sku)
        work = self._rng.choice(("found", "lost", "damage", "scrap"))
        units = self._rng.randint(1, 3)
        if work == "scrap" and damaged:
            units = min(units, damaged)
            self._post_deltas(at_ms, item, [("damaged", -units), ("on_hand", -units)], "scrap")
        elif work == "damage" and pickable >= units:
            self._post_deltas(at_ms, item, [("damaged", units)], "damage")
        elif work == "lost" and pickable >= units:
            self._post_deltas(at_ms, item, [("on_hand", -units)], "lost")
        else:
            self._post_deltas(at_ms, item, [("on_hand", units)], "found")

    def _post_deltas(self, at_ms: int, item: Item, deltas: list[tuple[str, int]], reason: str) -> None:
        lines: list[dict[str, Any]] = [
            {"sku": item.sku, "uom": "EA", "delta": delta, "measure": measure, "reason": reason}
            for measure, delta in deltas
        ]
        effects = [Effect(item.sku, measure, delta) for measure, delta in deltas]
        self._books.post(self._location, at_ms, "inventory.adjusted", lines, effects, reason, mode="delta")

    def _count(self, at_ms: int, item: Item) -> None:
        """Cycle count. Now and then the shelf holds less than the books: that difference becomes true here."""
        on_hand = self._books.balance(self._location, item.sku, "on_hand")
        shrink = self._rng.randint(1, 2) if self._rng.random() < SHRINK_RATE else 0
        shrink = min(shrink, self._books.pickable(self._location, item.sku))
        self._books.post_count(self._location, at_ms, "on_hand", {item.sku: on_hand - max(0, shrink)}, "cycle count")
