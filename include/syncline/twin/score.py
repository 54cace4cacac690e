"""Measure every integrator on the same day with the same code: Syncline beside the baselines."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncline.twin import score_sql
from syncline.twin.crosswalk import StockKey
from syncline.twin.orders import Attempt
from syncline.twin.replay import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    import psycopg

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Score:
    """Figures of one integrator. Units are base units, latencies real seconds; None where it does not apply.

    ``drift_unit_hours``: units that the ERP's number was off, times the hours of business that it was, over all keys.
    """

    name: str
    keys: int
    wrong_balances: int
    wrong_unflagged: int
    drift_units: int
    drift_unit_hours: int
    erp_wrong: int
    erp_drift_units: int
    oversold_units: int | None
    double_posts: int
    lock_failures: int | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_events: int | None
    wrong_keys: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Held:
    """A correction that is still open at the end."""

    target: str
    item: str
    location: str
    state: str
    reason: str


@dataclass(frozen=True)
class DayEnd:
    """What was true: stock at the end, and every attempt to buy."""

    on_hand: dict[StockKey, int]
    attempts: list[Attempt]


@dataclass(frozen=True)
class Truth(DayEnd):
    """What the twin's ``/twin/v1/truth`` answers, typed."""

    visible_ms: dict[str, int]
    erp: dict[StockKey, int]
    erp_drift_unit_ms: int
    baselines: list[Outcome]
    adjustments: list[tuple[str, int]]  # reference, changed_ms
    rate: float

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Truth:
        erp = value["erp"]
        return cls(
            {StockKey(item, loc): qty for loc, item, measure, qty in value["balances"] if measure == "on_hand"},
            [Attempt(*row) for row in value["attempts"]],
            value["visible"],
            {StockKey(item, location): quantity for item, location, quantity in erp["balances"]},
            erp["drift_unit_ms"],
            [Outcome.from_json(outcome) for outcome in value["baselines"]],
            [(reference, changed_ms) for reference, changed_ms in erp["adjustments"]],
            value["rate"],
        )


def score_all(conn: psycopg.Connection[Any], truth: Truth) -> list[Score]:
    """Syncline's score first, then the baselines'; ``conn`` may read raw, ops, intermediate and canonical."""
    return [score_syncline(conn, truth), *(score_baseline(outcome, truth) for outcome in truth.baselines)]


def open_corrections(conn: psycopg.Connection[Any]) -> list[Held]:
    return [Held(*row) for row in conn.execute(score_sql.OPEN_CORRECTIONS)]


def score_syncline(conn: psycopg.Connection[Any], truth: Truth) -> Score:
    believed = {StockKey(item, location): qty for item, location, qty in conn.execute(score_sql.BALANCES)}
    flagged = {StockKey(*row) for row in conn.execute(score_sql.FLAGGED)}
    posted_ms = dict(truth.adjustments)
    latencies: dict[str, float] = {}
    for event_id, _, correction_id, listening_ms in conn.execute(score_sql.CARRIED):
        visible_ms = truth.visible_ms.get(event_id)
        if visible_ms is not None and visible_ms >= listening_ms and correction_id in posted_ms:
            latency_s = (posted_ms[correction_id] - visible_ms) / 1000 / truth.rate
            latencies[event_id] = max(latencies.get(event_id, 0.0), latency_s)
    references = Counter(reference for reference, _ in truth.adjustments)
    row = conn.execute(score_sql.LOCKED_ATTEMPTS).fetchone()
    return measure(
        "syncline", truth, believed, flagged, truth.erp, [try_.shown for try_ in truth.attempts],
        double_posts=sum(times - 1 for times in references.values()),
        drift_unit_ms=truth.erp_drift_unit_ms,
        lock_failures=row[0] if row else 0,
        latencies=list(latencies.values()),
    )  # fmt: skip


def score_baseline(outcome: Outcome, truth: DayEnd, unknowable: Set[StockKey] = frozenset()) -> Score:
    """A baseline's ERP number is its belief: its ERP does at once what it is told.

    ``unknowable`` keys are no fault of anybody: they count as wrong, and not as wrong without a flag.
    """
    return measure(
        outcome.name, truth, outcome.on_hand, outcome.flagged | unknowable, outcome.on_hand, outcome.shown,
        double_posts=outcome.double_posts, drift_unit_ms=outcome.drift_unit_ms, lock_failures=None, latencies=None,
    )  # fmt: skip


def oversold_units(attempts: list[Attempt], shown: list[int]) -> int:
    """Units that were on offer and not there, over all attempts to buy; ``shown`` is what each attempt saw."""
    return sum(
        max(0, min(try_.asked, on_offer) - try_.sellable) for try_, on_offer in zip(attempts, shown, strict=True)
    )


def percentile(values: list[float], share: float) -> float | None:
    """Nearest-rank percentile, None of nothing."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1) if ordered else None


def measure(
    name: str, truth: DayEnd, believed: Mapping[StockKey, int], flagged: Set[StockKey], erp: Mapping[StockKey, int],
    shown: list[int] | None, *, double_posts: int, drift_unit_ms: int, lock_failures: int | None,
    latencies: list[float] | None,
) -> Score:  # fmt: skip
    """The figures of an integrator that believes ``believed``, flags ``flagged`` and whose ERP says ``erp``.

    ``shown``: what each attempt to buy saw in its shop, None when no shop was followed.
    """
    wrong = {key: believed.get(key, 0) - true for key, true in truth.on_hand.items() if believed.get(key) != true}
    erp_off = [abs(erp.get(key, 0) - true) for key, true in truth.on_hand.items()]
    return Score(
        name=name,
        keys=len(truth.on_hand),
        wrong_balances=len(wrong),
        wrong_unflagged=len(set(wrong) - flagged),
        drift_units=sum(abs(units) for units in wrong.values()),
        drift_unit_hours=drift_unit_ms // HOUR_MS,
        erp_wrong=sum(1 for units in erp_off if units),
        erp_drift_units=sum(erp_off),
        oversold_units=None if shown is None else oversold_units(truth.attempts, shown),
        double_posts=double_posts,
        lock_failures=lock_failures,
        latency_p50_s=percentile(latencies or [], 0.50),
        latency_p95_s=percentile(latencies or [], 0.95),
        latency_events=None if latencies is None else len(latencies),
        wrong_keys=sorted(f"{key.item}@{key.location}{'' if key in flagged else ' unflagged'}" for key in wrong),
    )
