"""Exceptions that follow from resolved data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from syncline.scenario import Options, Scenario, run_scenarios

NETWORK: dict[str, Any] = {
    "locations": {"HUB": {"timezone": "UTC"}},
    "items": {"A": {"base_uom": "EA", "item_class": "A"}},
    "sources": {"wms": {"system": "wms", "feed": "api", "clock_skew_s": 0}},
    "ownership": [{"measure": "on_hand", "location": "*", "source": "wms", "role": "primary", "grain": "item"}],
}
TOLD = [("balance", 10), ("movement", -1), ("movement", -2), ("balance", 7), ("balance", 7), ("balance", 5)]


def test_a_discrepancy_whose_movements_a_checkpoint_has_summed_up(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    start = datetime(2026, 5, 4, 10, tzinfo=UTC)
    facts = [
        {
            "id": f"f{number}", "source": "wms", "kind": kind, "item": "A", "location": "HUB", "measure": "on_hand",
            "quantity": quantity, "uom": "EA", "recorded": f"2026-05-04T10:{number:02d}:00.000Z",
            "received_at": (start + timedelta(minutes=number, seconds=1)).isoformat(),
        }
        for number, (kind, quantity) in enumerate(TOLD)
    ]  # fmt: skip
    scenario = Scenario("summed-up", Path("summed-up"), NETWORK, facts, {}, "0001")
    run_scenarios(warehouse, warehouse_dsn("owner"), [scenario], Options(batches=len(TOLD), checkpoint_facts=1))
    # What is asked: the batch itself saw no movement.
    assert warehouse.execute("select count(*) from intermediate.int_movements").fetchone() == (0,)

    rows = warehouse.execute("select rule, state, detail from ops.exceptions").fetchall()
    assert rows == [("discrepancy", "open", "0001|wms says 5, off by -2 (0001|f5)")]
