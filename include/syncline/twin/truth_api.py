"""The twin's own API: is the day over, and what was true. For scoring only; no part of the product reads it."""

from __future__ import annotations

import asyncio
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from syncline.twin.crosswalk import StockKey
from syncline.twin.ledger import Key
from syncline.twin.replay import Change, Lived, drift_unit_ms, replay
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
        # Read in the loop although that takes some milliseconds: the world must stand still. The rest only computes.
        now_ms = serving.advance()
        seen = seen_of(serving, now_ms)
        return await asyncio.to_thread(truth_of, serving, seen)

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


@dataclass(frozen=True)
class Seen:
    """The world at one instant: its figures, and its day for the baselines."""

    figures: dict[str, Any]
    lived: Lived


def seen_of(serving: Serving, now_ms: int) -> Seen:
    """Copy what moves on; call it where the world stands still."""
    world, ledger = serving.world, serving.world.books.ledger
    figures = {
        "status": status_of(world, now_ms),
        "rate": serving.clock.rate,
        "balances": [[*key, ledger.balance(key)] for key in ledger.every_key()],
        "attempts": [list(astuple(attempt)) for attempt in world.orders.attempts],
        "visible": {p.event_id: p.visible_ms for log in world.books.logs.values() for p in log.records()},
        "cases": [case._asdict() for case in world.cases.made],
        "returns": world.cases.returns,
        "shop_opening": _rows(world.shop_opening),
        "erp_opening": _rows(world.erp_opening),
        "shop": _rows(
            {
                (item.sku, site.location): world.shop.available(item.sku, site.location)
                for site in world.day.network.sites
                for item in world.day.network.items
            }
        ),
    }
    return Seen(figures, Lived.of(world, now_ms))


def truth_of(serving: Serving, seen: Seen) -> dict[str, Any]:
    """Everything a score needs; ``syncline.twin.score.Truth`` reads it. Times are epoch milliseconds.

    Blocks on Postgres for the ERP's state, and computes: run it in a thread.
    """
    erp = serving.erp.state()
    changes = [Change(at_ms, StockKey(item, location), units) for at_ms, item, location, units in erp.pop("history")]
    erp["drift_unit_ms"] = drift_unit_ms(seen.lived, changes)
    return {**seen.figures, "erp": erp, "baselines": [each.as_json() for each in replay(seen.lived)]}


def _rows(numbers: dict[tuple[str, str], int]) -> list[list[Any]]:
    return [[item, location, quantity] for (item, location), quantity in sorted(numbers.items())]
