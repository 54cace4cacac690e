"""Exceptions that follow from resolved data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Document, Fact, Load, land
from syncline.scenario import Options, Scenario, run_scenarios
from syncline.warehouse.connect import connect_dsn

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


def test_a_delay_waits_until_the_owner_is_overdue(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    """Nobody is told before `due_at`; then its own due row wakes the key; the owner's late word closes it."""
    seeds = read_folder(project_root() / "dbt_project" / "seeds")
    for row in seeds["sources"]:
        row["lag_s"] = 600 if row["source"] == "dc1_wms" else 0
    for row in seeds["ownership_rules"]:
        row["movements"] = ""  # what the 3PL tells of a shipment explains its report, and counts only from the owner
    start = datetime(2026, 11, 2, 15, tzinfo=UTC)
    apply(warehouse, seeds, start, "test")

    def tell(source: str, feed: str, kind: str, quantity: int, minute: int, key: str, status: str = "on_hand") -> None:
        heard = start + timedelta(minutes=minute, seconds=1)
        said = Fact(
            kind, "SKU-0001", "DC1", status, "EA", str(quantity), f"2026-11-02T15:{minute:02d}:00.000Z", key, key,
            key, "test/1",
        )  # fmt: skip
        with connect_dsn(warehouse_dsn("loader")) as loader:
            land(loader, Load(source, feed, heard, [Document(key, key.encode(), (said,))]))

    def settle(minute: int) -> list[tuple[object, ...]] | None:
        """Exceptions about discrepancies after a batch at that minute; None when nothing asked for a batch."""
        with connect_dsn(warehouse_dsn("transformer")) as transformer:
            batch = resolve.open_batch(transformer, start + timedelta(minutes=minute))
            if batch is None:
                return None
            resolve.build(transformer, warehouse_dsn("transformer"), batch.batch_id, tmp_path)
        warehouse.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))
        return warehouse.execute("select subject, state from ops.exceptions where rule = 'discrepancy'").fetchall()

    tell("dc1_wms", "api", "balance", 100, 0, "count")
    tell("dc1_wms", "api", "movement", -1, 1, "ship-1")
    tell("acme_3pl", "edi", "movement", -5, 2, "ship-2")
    tell("acme_3pl", "edi", "balance", 94, 5, "report", "17")
    assert settle(6) == []
    assert warehouse.execute("select verdict, due_at from canonical.verdicts where reported = 94").fetchall() == [
        ("delay", start + timedelta(minutes=13, microseconds=1))
    ]
    assert settle(12) is None
    subject = "SKU-0001/DC1/on_hand"
    assert settle(14) == [(subject, "open")]
    assert settle(15) is None

    tell("dc1_wms", "api", "movement", -5, 20, "ship-2")
    assert settle(21) == [(subject, "resolved")]
