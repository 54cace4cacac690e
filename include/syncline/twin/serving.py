"""What the servers share: the world, the clock and the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.clock import Clock
    from syncline.twin.erp_books import ErpBooks
    from syncline.twin.world import World


@dataclass(frozen=True)
class Serving:
    """Handlers of the WMS, the shop and the truth run in the event loop, the only one that touches ``world``."""

    world: World
    clock: Clock
    erp: ErpBooks
    tokens: dict[str, str]

    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    def advance(self) -> int:
        """Bring the world to now, so that an answer never shows less than what happened; returns now in ms."""
        now_ms = self.now_ms()
        self.world.advance(now_ms)
        return now_ms
