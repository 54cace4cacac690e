"""Run the baselines over a day as it was lived: one pass in time order, all of them side by side."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.twin.baselines import BASELINES, Baseline
from syncline.twin.crosswalk import Crosswalk, StockKey
from syncline.twin.deliveries import Delivery, deliveries
from syncline.twin.drift import DriftMeter
from syncline.twin.network import DEMO, Network
from syncline.twin.statements import Reader, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncline.twin.orders import Attempt
    from syncline.twin.world import World

NIGHT_EVERY_MS = 2 * 3_600_000  # the demo's day is a few hours long; so are its nights apart
# At one instant: what happened, then what was told of it, then the job, then who buys.
TRUTH, TOLD, NIGHT, SALE = range(4)


class Change(NamedTuple):
    """The truth of ``on_hand`` of a key from ``at_ms`` on."""

    at_ms: int
    key: StockKey
    units: int


@dataclass(frozen=True)
class Lived:
    """What a replay needs of a day: lists that no longer change, in time order."""

    start_ms: int
    end_ms: int
    erp_opening: dict[StockKey, int]
    shop_opening: dict[StockKey, int]
    truth: list[Change]
    told: list[Delivery]
    attempts: list[Attempt]
    nights: list[int]
    network: Network = DEMO

    @classmethod
    def of(cls, world: World, now_ms: int) -> Lived:
        """The day so far. Drift is measured in business hours; the last night comes when all is quiet."""
        day, ledger = world.day, world.books.ledger
        keys = [key for key in ledger.every_key() if key.measure == "on_hand"]
        truth = [
            Change(entry.at_ms, StockKey(key.item, key.location), entry.balance)
            for key in keys
            for entry in ledger.entries(key)
        ]
        nights = [at_ms for at_ms in range(day.start_ms, day.end_ms, NIGHT_EVERY_MS) if day.start_ms < at_ms <= now_ms]
        if world.is_quiet(now_ms):
            nights.append(now_ms)
        return cls(
            day.start_ms,
            min(now_ms, day.end_ms),
            {StockKey(*key): units for key, units in world.erp_opening.items()},
            {StockKey(*key): units for key, units in world.shop_opening.items()},
            sorted(truth, key=lambda change: change.at_ms),
            deliveries(world, now_ms),
            list(world.orders.attempts),
            nights,
            day.network,
        )

    def steps(self) -> Iterator[tuple[int, int, Any]]:
        """(instant, what, of what) of the whole day in order."""
        return heapq.merge(
            ((change.at_ms, TRUTH, change) for change in self.truth),
            ((told.at_ms, TOLD, told) for told in self.told),
            ((at_ms, NIGHT, None) for at_ms in self.nights),
            ((attempt.at_ms, SALE, attempt) for attempt in self.attempts),
            key=itemgetter(0, 1),
        )


@dataclass(frozen=True)
class Outcome:
    """How a baseline ended. ``shown`` is what each attempt to buy saw in its shop, in the order of the attempts.

    ``wrong_ms``: for how long its number of a key was wrong, by location, over all keys there.
    """

    name: str
    on_hand: dict[StockKey, int]
    flagged: set[StockKey]
    shown: list[int]
    double_posts: int
    drift_unit_ms: int
    wrong_ms: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "on_hand": [[*key, units] for key, units in sorted(self.on_hand.items())],
            "flagged": [list(key) for key in sorted(self.flagged)],
            "shown": self.shown,
            "double_posts": self.double_posts,
            "drift_unit_ms": self.drift_unit_ms,
            "wrong_ms": self.wrong_ms,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outcome:
        on_hand = {StockKey(item, location): units for item, location, units in value["on_hand"]}
        flagged = {StockKey(*key) for key in value["flagged"]}
        figures = value["double_posts"], value["drift_unit_ms"], value.get("wrong_ms", {})
        return cls(value["name"], on_hand, flagged, value["shown"], *figures)


def drift_unit_ms(lived: Lived, shown: list[Change]) -> int:
    """Drift over the day of a number that was written down as it changed, such as the ERP's."""
    return drift_of(lived, shown).unit_ms()


def drift_of(lived: Lived, shown: list[Change]) -> DriftMeter:
    """The meter of the same, at the end of the day."""
    meter = DriftMeter(lived.start_ms, lived.end_ms)
    for _, what, change in heapq.merge(
        ((change.at_ms, TRUTH, change) for change in lived.truth),
        ((change.at_ms, TOLD, change) for change in shown),
        key=itemgetter(0, 1),
    ):
        (meter.set_truth if what == TRUTH else meter.set_shown)(change.key, change.at_ms, change.units)
    meter.unit_ms()  # up to the end of the day
    return meter


def replay(lived: Lived) -> list[Outcome]:
    """Every baseline over the same deliveries. Each acts at once: its ERP and its shop never fail and never wait."""
    safety, reader = Crosswalk(lived.network).safety, Reader(lived.network)
    lanes = [_Lane(kind(lived.erp_opening, safety), lived) for kind in BASELINES]
    for at_ms, what, step in lived.steps():
        if what == TOLD:
            statements = reader.read(step)
            for lane in lanes:
                lane.take(at_ms, statements)
        else:
            for lane in lanes:
                lane.live(at_ms, what, step)
    return [lane.outcome(lived) for lane in lanes]


@dataclass
class _Lane:
    """One baseline with its own ERP and its own shop."""

    baseline: Baseline
    lived: Lived
    shown: list[int] = field(default_factory=list)
    shop: dict[StockKey, int] = field(init=False)
    drift: DriftMeter = field(init=False)

    def __post_init__(self) -> None:
        self.shop = dict(self.lived.shop_opening)
        self.drift = DriftMeter(self.lived.start_ms, self.lived.end_ms)
        for key, units in self.lived.erp_opening.items():
            self.drift.set_shown(key, self.lived.start_ms, units)

    def take(self, at_ms: int, statements: list[Statement]) -> None:
        # A message is booked whole before its numbers go out: a shipment's two halves are never seen apart.
        booked = [told.key for told in statements if self.baseline.take(told)]
        for key in dict.fromkeys(booked):
            self._publish(at_ms, key)

    def live(self, at_ms: int, what: int, step: Any) -> None:
        if what == TRUTH:
            self.drift.set_truth(step.key, at_ms, step.units)
        elif what == NIGHT:
            for key in self.baseline.wake(at_ms):
                self._publish(at_ms, key)
        else:
            key = StockKey(step.item, step.location)
            self.shown.append(self.shop.get(key, 0))
            # The shop counts its own sales down; what is set later overwrites that, known to the baseline or not.
            self.shop[key] = self.shop.get(key, 0) - step.taken
            if step.taken:
                self.baseline.hear_sale(step, key)

    def outcome(self, lived: Lived) -> Outcome:
        on_hand = {change.key: self.baseline.on_hand(change.key) for change in lived.truth}
        drift = self.drift.unit_ms()
        return Outcome(
            self.baseline.name,
            on_hand,
            self.baseline.flagged,
            self.shown,
            self.baseline.double_posts,
            drift,
            dict(self.drift.wrong_ms),
        )

    def _publish(self, at_ms: int, key: StockKey) -> None:
        self.drift.set_shown(key, at_ms, self.baseline.on_hand(key))
        self.shop[key] = self.baseline.available(key)
