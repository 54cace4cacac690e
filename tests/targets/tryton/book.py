"""What Tryton holds, read from its tables: the contract suite asks this what really happened."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg
from tests.targets.tryton.seeding import Admin

from syncline.twin.vendors.book import Effect, Key

MOVES = """
select m.id, p.code, coalesce(t.code, f.code) as location,
       (case when t.code is not null then 1 else -1 end * m.internal_quantity)::bigint as delta, s.reference
from stock_move m
join product_product p on p.id = m.product
join stock_location f on f.id = m.from_location
join stock_location t on t.id = m.to_location
left join stock_shipment_internal s on m.shipment = 'stock.shipment.internal,' || s.id
where m.state = 'done' and p.code = any(%s)
order by m.write_date, m.id
"""


@dataclass
class TrytonBook:
    """As ``syncline.twin.vendors.book.Book``, of ``keys`` alone; moves up to ``opening`` are nobody's effects."""

    dsn: str
    admin: Admin
    keys: tuple[Key, ...]
    opening: int = 0
    lock: Any = field(default_factory=threading.RLock)

    def _moves(self) -> list[tuple[int, str, str, int, str | None]]:
        with psycopg.connect(self.dsn) as conn:
            return conn.execute(MOVES, ([item for item, _ in self.keys],)).fetchall()

    @property
    def numbers(self) -> dict[Key, int]:
        numbers = dict.fromkeys(self.keys, 0)
        for _, item, location, delta, _ in self._moves():
            numbers[item, location] = numbers.get((item, location), 0) + delta
        return numbers

    @property
    def effects(self) -> list[Effect]:
        numbers: dict[Key, int] = {}
        effects = []
        for number, item, location, delta, reference in self._moves():
            after = numbers[item, location] = numbers.get((item, location), 0) + delta
            if number > self.opening:
                effects.append(Effect(item, location, delta, after, reference))
        return effects

    def add(self, key: Key, delta: int, reference: str | None = None) -> int:
        """Somebody else's change, by hand."""
        self.admin.ship(*key, delta, reference or "")
        return self.numbers[key]

    def set(self, key: Key, quantity: int, reference: str | None = None) -> int:
        """Somebody else's count; by how much it changed."""
        delta = quantity - self.numbers[key]
        if delta:
            self.add(key, delta, reference)
        return delta

    def of(self, reference: str) -> list[Effect]:
        return [each for each in self.effects if each.reference == reference]

    def stock(self, quantity: int) -> None:
        """Every key at ``quantity``; what is there now is nobody's effect."""
        self.admin.ship_all(dict.fromkeys(self.keys, quantity))
        self.opening = max(number for number, *_ in self._moves())
