"""The twin's own API: is the day over, and what was true. For scoring only; no part of the product reads it."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from syncline.twin.ledger import Key
from syncline.twin.network import ITEMS, SITES
from syncline.twin.wms_log import iso_ms

if TYPE_CHECKING:
    from syncline.twin.serving import Serving
    from syncline.twin.world import World


def router(serving: Serving) -> APIRouter:
    routes = APIRouter(prefix="/twin/v1")

    @routes.get("/status")
    async def status() -> dict[str, Any]:
        now_ms = serving.advance()
        return status_of(serving.world, now_ms)

    @routes.get("/truth")
    async def truth() -> dict[str, Any]:
        # In the loop although it blocks for some milliseconds: the world must stand still while it is read.
        serving.advance()
        return truth_of(serving)

    @routes.get("/ledger")
    async def ledger(
        location: Annotated[str, Query(max_length=40)],
        item: Annotated[str, Query(max_length=40)],
        measure: Annotated[str, Query(max_length=40)] = "on_hand",
    ) -> dict[str, Any]:
        serving.advance()
        entries = serving.world.books.ledger.entries(Key(location, item, measure))
        fields = ("at_ms", "delta", "balance", "reason")
        return {"entries": [dict(zip(fields, astuple(entry), strict=True)) for entry in entries]}

    return routes


def status_of(world: World, now_ms: int) -> dict[str, Any]:
    """Figures to watch a day with: ``phase`` is business, settling or quiet."""
    quiet = world.is_quiet(now_ms)
    attempts = world.orders.attempts
    return {
        "now": iso_ms(now_ms),
        "start": iso_ms(world.day.start_ms),
        "end": iso_ms(world.day.end_ms),
        "phase": "quiet" if quiet else "settling" if now_ms >= world.day.end_ms else "business",
        "quiet": quiet,
        "events": {location: len(log) for location, log in world.books.logs.items()},
        "orders": len(attempts),
        "oversold_units": sum(max(0, min(try_.asked, try_.shown) - try_.sellable) for try_ in attempts),
        "faults": dict(sorted(world.count.injected.items())),
    }


def truth_of(serving: Serving) -> dict[str, Any]:
    """Everything a score needs; ``syncline.twin.score.Truth`` reads it. Times are epoch milliseconds.

    Blocks on Postgres for the ERP's state.
    """
    world, now_ms = serving.world, serving.now_ms()
    ledger = world.books.ledger
    return {
        "status": status_of(world, now_ms),
        "rate": serving.clock.rate,
        "balances": [[*key, ledger.balance(key)] for key in ledger.every_key()],
        "attempts": [list(astuple(attempt)) for attempt in world.orders.attempts],
        "visible": {p.event_id: p.visible_ms for log in world.books.logs.values() for p in log.records()},
        "shop_opening": _rows(world.shop_opening),
        "erp_opening": _rows(world.erp_opening),
        "shop": _rows(
            {
                (item.sku, site.location): world.shop.available(item.sku, site.location)
                for site in SITES
                for item in ITEMS
            }
        ),
        "erp": serving.erp.state(),
    }


def _rows(numbers: dict[tuple[str, str], int]) -> list[list[Any]]:
    return [[item, location, quantity] for (item, location), quantity in sorted(numbers.items())]
