"""Every scenario file: as expected, to the last row; the same under any loading; and as the oracle says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.oracle.answer import answer
from tests.oracle.comparing import differences
from tests.oracle.running import as_case

from syncline.scenario import Options, Scenario, read_scenarios, run_scenarios

FOLDER = Path(__file__).parent
# The oracle tries every set of movements: 2^13 are too many for it as well.
NOT_FOR_THE_ORACLE = {"too-many-orders", "too-many-orders-for-who-is-compared"}
ANOTHER_WAY = Options(shuffle=7, batches=5, duplicate=0.2, rebuild=True, checkpoint_facts=1)


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return read_scenarios([FOLDER])


def test_the_files_are_named_as_their_scenarios_and_say_why(scenarios: list[Scenario]) -> None:
    assert len(scenarios) >= 80
    for scenario in scenarios:
        assert scenario.path.stem == scenario.name
        assert scenario.expect, scenario.name
        assert "doc: >-" in scenario.path.read_text(encoding="utf-8"), scenario.name


def test_as_expected_and_as_the_oracle_says(
    scenarios: list[Scenario], warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    faults = []
    for scenario, outcome in zip(
        scenarios, run_scenarios(warehouse, warehouse_dsn("owner"), scenarios, Options()), strict=True
    ):
        faults += [f"{scenario.name}: {fault}" for fault in outcome.failures]
        if "balances" in scenario.expect:
            named = {(b["item"], b["location"], b["measure"], b.get("lot")) for b in scenario.expect["balances"]}
            rows = {(b["item"], b["location"], b["measure"], b["lot"]) for b in outcome.balances}
            faults += [f"{scenario.name}: a row that nobody expects, {row}" for row in sorted(rows - named, key=str)]
        if scenario.name not in NOT_FOR_THE_ORACLE:
            wanted = answer(as_case(scenario))
            faults += [f"{scenario.name}: {fault}" for fault in differences(outcome, wanted)]
    assert not faults, "\n".join(faults)


def test_the_same_in_any_order_split_and_repetition(
    scenarios: list[Scenario], warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    """Invariants 1 to 3 (semantics §7): what is expected holds, row for row."""
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios, ANOTHER_WAY)
    assert [f"{o.name}: {fault}" for o in outcomes for fault in o.failures] == []
