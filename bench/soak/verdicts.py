"""Does anything grow? Least-squares slopes over the last three quarters of a soak, each against its bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

LATENCY_P95_S = 60.0
STEADY_SHARE = 0.75
# What may grow by how much over the judged window: a share of its mean, but never less than a floor (noise).
GROWTH_SHARE = 0.10
FLOORS = {
    "lag_events": 2_500.0,  # what five seconds bring: a poll's phase against the sample's
    "unresolved_facts": 5_000.0,
    "outbox_open": 250.0,  # one batch of corrections
    "connections": 3.0,
    "memory_mib.workers": 40.0,
    "memory_mib.airflow-scheduler": 40.0,
    "memory_mib.airflow-api-server": 40.0,
    "memory_mib.twin": 200.0,  # its log of events is its purpose
    "dead_rows": 50_000.0,
    "table_mib.working": 20.0,
}


@dataclass(frozen=True)
class Verdict:
    """``growth`` over the window in the resource's unit; ``bound`` is the most it may grow."""

    what: str
    mean: float
    growth: float
    bound: float
    is_good: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Least squares; 0 for fewer than two points."""
    if len(times) < 2:
        return 0.0
    mean_t, mean_v = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - mean_t) ** 2 for t in times)
    return sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True)) / spread if spread else 0.0


def steady(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The samples of the last three quarters of the business time; the beginning is a warm-up."""
    business = [sample for sample in samples if sample["phase"] == "business" and sample["t_s"] >= 0]
    return business[len(business) - math.ceil(len(business) * STEADY_SHARE) :]


def judge(samples: Sequence[dict[str, Any]]) -> list[Verdict]:
    """One verdict for each resource of FLOORS, over the steady samples (``t_s`` and nested names with a dot)."""
    taken = steady(samples)
    times = [float(sample["t_s"]) for sample in taken]
    verdicts = []
    for what, floor in FLOORS.items():
        values = [_figure(sample, what) for sample in taken]
        mean = sum(values) / len(values) if values else 0.0
        growth = slope(times, values) * (times[-1] - times[0] if times else 0.0)
        bound = max(floor, GROWTH_SHARE * mean)
        verdicts.append(Verdict(what, round(mean, 1), round(growth, 1), round(bound, 1), growth <= bound))
    return verdicts


def judge_latency(minutes: Sequence[dict[str, Any]], seconds: Sequence[float]) -> Verdict:
    """Over all events of the steady minutes; ``growth`` is the worst minute's p95."""
    worst = max((minute["p95_s"] for minute in minutes if minute["p95_s"] is not None), default=0.0)
    p95 = percentile(seconds, 0.95)
    is_good = p95 is not None and p95 <= LATENCY_P95_S
    return Verdict("event_to_erp_p95_s", round(p95 or 0.0, 1), round(worst, 1), LATENCY_P95_S, is_good)


def _figure(sample: dict[str, Any], what: str) -> float:
    value: Any = sample
    for part in what.split("."):
        value = value.get(part, 0)
    return float(value)
