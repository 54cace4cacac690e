"""The real warehouse against the oracle beyond one key (semantics §11 to §16); a failure prints the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.oracle.answer import answer
from tests.oracle.beyond import THEMES, beyond
from tests.oracle.running import scenarios
from tests.oracle.test_warehouse_agrees import disagreements

from syncline.scenario import Options, run_scenarios

WAYS = (Options(), Options(shuffle=7, batches=3, duplicate=0.3), Options(shuffle=8, batches=4, rebuild=True))


@pytest.mark.parametrize(
    "seeds", [range(300), pytest.param(range(1_000, 4_000), marks=pytest.mark.deep)], ids=["few", "many"]
)
def test_the_warehouse_agrees(
    seeds: range, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    cases = [beyond(seed) for seed in seeds]
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios(cases), WAYS[seeds[0] % len(WAYS)])
    found = disagreements(tmp_path, cases, outcomes, [answer(case) for case in cases])
    assert not found, found


@pytest.mark.parametrize("way", WAYS[1:], ids=["shuffled", "rebuilt"])
def test_the_same_in_any_order_and_rebuilt(
    way: Options, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    cases = [beyond(seed) for seed in range(200, 320)]
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios(cases), way)
    found = disagreements(tmp_path, cases, outcomes, [answer(case) for case in cases])
    assert not found, found


def test_the_cases_reach_every_rule() -> None:
    answers = [answer(beyond(seed)) for seed in range(300)]
    states = Counter(row["state"] for a in answers for part in (a.releases, a.serials, a.transfers) for row in part)
    assert min(
        states[state]
        for state in (
            "open", "partly", "shipped", "short", "over", "cancelled", "expired", "placed", "absent", "disputed",
            "received", "in transit", "closed",
        )
    ) >= 2, states  # fmt: skip
    stated = Counter(name.split("/")[1] for a in answers for name in a.dispositions if name.count("/") > 2)
    assert stated["absent"] >= 10, stated
    assert stated["sum"] >= 1, stated
    assert sum(1 for a in answers for by in a.explained_by.values() if any(name.startswith("p") for name in by)) >= 3
    assert sum(1 for a in answers for d in a.dispositions.values() if d == "echo") >= 3
    assert set(THEMES) == {"owners", "pushes", "releases", "serials", "snapshots", "transfers"}
