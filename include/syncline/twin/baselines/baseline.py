"""What every baseline does with a statement it accepts, and the numbers it gives the ERP and the shop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.twin.crosswalk import StockKey
    from syncline.twin.orders import Attempt
    from syncline.twin.statements import Statement


class Baseline(ABC):
    """One integrator. A movement adds, a balance overwrites; which of them count is up to the subclass.

    It begins with the ERP's opening number of every key, and hears every delivery in the order of arrival.
    """

    name: ClassVar[str]

    def __init__(self, erp_opening: Mapping[StockKey, int], safety: Mapping[StockKey, int]) -> None:
        self.flagged: set[StockKey] = set()  # keys on which it said itself that something is not in order
        self.double_posts = 0
        self._safety = safety
        self._stock: dict[StockKey, dict[str, int]] = defaultdict(dict)
        self._booked = bytearray()  # 1 for each movement booked, by its number
        for key, units in erp_opening.items():
            self._stock[key]["on_hand"] = units

    @abstractmethod
    def accepts(self, told: Statement) -> bool:
        """Does this statement count? Called once for each, in order; may keep what it needs to decide the next."""

    def take(self, told: Statement) -> bool:
        """Hear one statement; True when it was booked, and ERP and shop are given the key's numbers."""
        if not self.accepts(told):
            return False
        self.book(told)
        return True

    def book(self, told: Statement) -> None:
        stock = self._stock[told.key]
        if told.is_balance:
            stock[told.measure] = told.units
            return
        stock[told.measure] = stock.get(told.measure, 0) + told.units
        if told.told >= len(self._booked):
            self._booked.extend(bytes(told.told + 1 - len(self._booked)))
        self.double_posts += self._booked[told.told]
        self._booked[told.told] = 1

    def wake(self, at_ms: int) -> set[StockKey]:
        """A scheduled job's time has come; returns the keys it booked."""
        return set()

    def hear_sale(self, sale: Attempt, key: StockKey) -> None:  # noqa: B027 - most do not listen to the shop
        """The shop sold ``sale.taken`` units, and counted its own number down."""

    def on_hand(self, key: StockKey) -> int:
        """The number it gives the ERP."""
        return self._stock[key].get("on_hand", 0)

    def available(self, key: StockKey) -> int:
        """The number it gives the shop: what Syncline's rule takes off is taken off here too."""
        return max(0, self._free(key))

    def _free(self, key: StockKey) -> int:
        get = self._stock[key].get
        taken = get("damaged", 0) + get("quarantined", 0) + get("allocated", 0)
        return get("on_hand", 0) - taken - self._safety.get(key, 0)
