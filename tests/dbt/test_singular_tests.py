"""Each singular test of the batch lane: green on a resolved scenario, red as soon as its invariant is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from syncline.errors import TerminalError
from syncline.resolve import dbt
from syncline.scenario import Options, read_scenarios, run_scenarios

SCENARIOS = Path(__file__).parents[1] / "scenarios"

BROKEN = {
    "ledger_sums_to_the_balance": "update canonical.ledger set quantity = quantity + 1 where entry = 'opening'",
    "each_fact_has_one_disposition": "delete from intermediate.int_dispositions where disposition = 'stale'",
    "transfers_conserve": "update canonical.ledger set quantity = quantity - 1 where entry = 'movement'",
    "bounds_hold_the_quantity": "update canonical.balances set quantity_lo = quantity + 1, quantity_hi = quantity + 2",
}
CONFIGURATION = "configuration_has_one_answer"  # broken in test_configuration.py


@pytest.fixture
def resolved(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> Callable[[str], None]:
    """``resolved(name)`` runs that singular test in a warehouse where scenarios G1 and G7 are resolved."""
    scenarios = read_scenarios([SCENARIOS / "g1-race.yaml", SCENARIOS / "g7-transfer-short.yaml"])
    run_scenarios(warehouse, warehouse_dsn("owner"), scenarios, Options())

    def run(name: str) -> None:
        (node,) = dbt.run(warehouse_dsn("owner"), ["test", "--select", name], tmp_path)
        assert node.name == name

    return run


def test_red_when_the_invariant_is_broken(resolved: Callable[[str], None], warehouse: psycopg.Connection) -> None:
    for name, breaking in BROKEN.items():
        resolved(name)
        assert warehouse.execute(breaking).rowcount > 0
        with pytest.raises(TerminalError, match=f"{name} fail"):
            resolved(name)


def test_every_singular_test_is_broken_here() -> None:
    folder = Path(__file__).parents[2] / "dbt_project" / "tests"
    assert {path.stem for path in folder.glob("*.sql")} == {*BROKEN, CONFIGURATION}
