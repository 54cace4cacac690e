"""The baselines alone, on a simulated day without servers: virtual time only, the same seed gives the same figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from syncline.twin.network import SAFETY_STOCK
from syncline.twin.partner_files import PartnerFiles
from syncline.twin.replay import Lived, replay
from syncline.twin.schedule import HOUR_MS
from syncline.twin.score import DayEnd, Score, score_baseline
from syncline.twin.truth_api import status_of
from syncline.twin.world import World

if TYPE_CHECKING:
    from syncline.twin.faults import Faults
    from syncline.twin.schedule import Day

SHOP_EVERY_MS = 60_000
SHOP_KEYS_MAX = 1000  # a larger network's shop is told once an hour
SETTLE_STEP_MS = 600_000


@dataclass(frozen=True)
class Comparison:
    """One seed: the baselines' scores, and how the day went (as the twin's status tells it)."""

    seed: int
    scores: list[Score]
    status: dict[str, Any]


def compare(day: Day, faults: Faults) -> Comparison:
    """Live the day and score every baseline on it."""
    with TemporaryDirectory(prefix="syncline-twin-") as folder:
        world, now_ms = live(day, faults, Path(folder))
    lived = Lived.of(world, now_ms)
    on_hand = {change.key: change.units for change in lived.truth}
    end = DayEnd(on_hand, lived.attempts)
    return Comparison(day.seed, [score_baseline(outcome, end) for outcome in replay(lived)], status_of(world, now_ms))


def live(day: Day, faults: Faults, folder: Path) -> tuple[World, int]:
    """The world when all is quiet, and that instant; ``folder`` is where the partners drop their files."""
    world = begin(day, faults, folder)
    now_ms = day.end_ms
    while not world.is_quiet(now_ms):
        now_ms += SETTLE_STEP_MS
        world.advance(now_ms)
    return world, now_ms


def begin(day: Day, faults: Faults, folder: Path) -> World:
    """A world at its beginning, its partners and its shop at work; partners drop their files into ``folder``."""
    world = World(day, faults)
    for partner in day.network.partners:
        PartnerFiles(partner, world, folder / partner.source).start()
    is_small = len(world.shop_opening) <= SHOP_KEYS_MAX
    for at_ms in range(day.start_ms, day.end_ms, SHOP_EVERY_MS if is_small else HOUR_MS):
        world.schedule.at(at_ms, lambda now_ms: _tell_shop(world, now_ms))
    return world


def _tell_shop(world: World, at_ms: int) -> None:
    """From time to time the shop is told the truth: demand follows what a shop shows, and no baseline may steer the day
    on which all of them are measured."""
    for site in world.day.network.sites:
        for item in world.day.network.items:
            sellable = max(0, world.orders.sellable(site.location, item.sku) - SAFETY_STOCK[item.item_class])
            world.shop.steer(item.sku, site.location, sellable, at_ms)
