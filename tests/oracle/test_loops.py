"""The real warehouse against the oracle in closed loops and their notices (ADR 0032); a failure prints the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.oracle.answer import answer
from tests.oracle.loop_cases import loop_case
from tests.oracle.running import scenarios
from tests.oracle.test_warehouse_agrees import disagreements

from syncline.scenario import Options, run_scenarios

SHUFFLED = Options(shuffle=7, batches=3, duplicate=0.3)
DEEP = pytest.mark.deep


@pytest.mark.parametrize(
    ("seeds", "way"),
    [
        pytest.param(range(42), Options(shuffle=8, batches=4, rebuild=True), id="few"),
        pytest.param(range(1_000, 1_900), Options(), id="many", marks=DEEP),
        pytest.param(range(2_000, 2_600), SHUFFLED, id="many, shuffled", marks=DEEP),
    ],
)
def test_the_warehouse_agrees(
    seeds: range, way: Options, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    cases = [loop_case(seed) for seed in seeds]
    # Marts are read only where a file expects some.
    asked = [replace(each, expect={"loops": [], "transfers": []}) for each in scenarios(cases)]
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), asked, way)
    assert all(outcome.loops is not None for outcome in outcomes)
    found = disagreements(tmp_path, cases, outcomes, [answer(case) for case in cases])
    assert not found, found


def test_the_cases_reach_every_kind_and_notice() -> None:
    rows = [row for seed in range(1_200) for row in answer(loop_case(seed)).loops]
    states = Counter((row["kind"], row["state"]) for row in rows)
    answers = Counter(row.get("answer") for row in rows)
    notices = Counter(notice for row in rows for notice in row["notices"])
    reached = [
        *(states[kind, "closed"] for kind in ("cancelled", "cancelled_after_pick", "receipt_over", "return")),
        *(states[kind, "closed"] for kind in ("substitution", "transfer_short", "cycle_count", "damage", "hold")),
        *(states[kind, "waiting"] for kind in ("cancelled_after_pick", "short_pick", "receipt_short", "return")),
        *(states[kind, "overdue"] for kind in ("receipt_short", "return", "transfer_short", "transfer_over")),
        *(answers[name] for name in ("none", "booked", "adjusted", "accepted")),
        *(notices[f"order.status {status}"] for status in ("partly shipped", "shipped", "back-ordered", "cancelled")),
        *(notices[f"return.received {status}"] for status in ("received", "received short", "received over")),
        *(notices[name] for name in ("return.missing", "return.dispositioned", "order.substituted", "order.short")),
    ]
    assert min(reached) >= 2, (states, answers, notices)
