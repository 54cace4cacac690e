"""What could not be mapped waits, is listed, and counts as if it had been read right at first once the CSV knows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Document, Fact, Load, land
from syncline.resolve.hashes import derived_hashes
from syncline.warehouse.connect import connect_dsn

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)


def fact(number: int, kind: str, item_ref: str, quantity: str, location_ref: str = "DC1", uom: str = "EA") -> Fact:
    return Fact(
        kind, item_ref, location_ref, "on_hand", uom, quantity, f"2026-11-02T14:0{number}:00.000Z",
        f"E-{number}/1", f"T-{number}/1", f"events[{number}]", "test/1", sequence=number,
    )  # fmt: skip


def test_unknown_names_wait_and_are_driven_again_by_one_apply(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    seeds = read_folder(project_root() / "dbt_project" / "seeds")
    apply(warehouse, seeds, NOW, "test")
    facts = (
        fact(1, "balance", "SKU-0001", "100"),
        fact(2, "movement", "NEW-1", "-5"),
        fact(3, "movement", "SKU-0001", "-1", location_ref="DC9"),
        fact(4, "movement", "SKU-0001", "-1", uom="PALLET"),
    )
    with connect_dsn(warehouse_dsn("loader")) as loader:
        land(loader, Load("dc1_wms", "api", NOW, [Document("page", b"{}", facts)]))

    def settle(minute: int) -> None:
        with connect_dsn(warehouse_dsn("transformer")) as transformer:
            batch = resolve.open_batch(transformer, NOW + timedelta(minutes=minute))
            assert batch is not None
            resolve.build(transformer, warehouse_dsn("transformer"), batch.batch_id, tmp_path)
        warehouse.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))

    def on_hand() -> list[tuple[object, ...]]:
        return warehouse.execute("select item, quantity from canonical.balances where measure = 'on_hand'").fetchall()

    def waiting() -> list[tuple[object, ...]]:
        return warehouse.execute(
            "select subject, state from ops.exceptions where rule like 'quarantined: unmapped%' order by subject"
        ).fetchall()

    settle(1)
    assert on_hand() == [("SKU-0001", 100)]
    subjects = ["dc1_wms/DC9", "dc1_wms/NEW-1", "dc1_wms/SKU-0001/PALLET"]
    assert waiting() == [(subject, "open") for subject in subjects]

    unbounded = {"valid_from": "-infinity", "valid_to": "infinity"}
    seeds["item_crosswalk"].append({"source": "dc1_wms", "item_ref": "NEW-1", "item": "SKU-0001", **unbounded})
    seeds["location_crosswalk"].append({"source": "dc1_wms", "location_ref": "DC9", "location": "DC1", **unbounded})
    seeds["unit_factors"].append({"item": "SKU-0001", "uom": "PALLET", "factor_num": 60, "factor_den": 1, **unbounded})
    assert apply(warehouse, seeds, NOW, "test").redriven_facts == 3
    settle(2)
    assert on_hand() == [("SKU-0001", 100 - 5 - 1 - 60)]
    assert waiting() == [(subject, "resolved") for subject in subjects]

    before = derived_hashes(warehouse)
    with connect_dsn(warehouse_dsn("transformer")) as transformer:
        resolve.rebuild(transformer, warehouse_dsn("transformer"), tmp_path)
    assert derived_hashes(warehouse) == before
