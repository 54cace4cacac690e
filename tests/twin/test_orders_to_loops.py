"""A day of the twin's site over real HTTP: its releases, what left for them, and the loops that the shorts open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.resolve.lane import NOON, Lane, at

from syncline.config import apply, read_folder
from syncline.connections import connection
from syncline.home import project_root
from syncline.loops import tell
from syncline.registry import Source
from syncline.sources import erp_orders, wms_api
from syncline.twin.faults import Faults
from syncline.warehouse.connect import connect_dsn

ORDERS = Source(name="erp_orders", kind="erp_orders", conn_id="erp", timeout_s=5)
WMS = Source(name="dc2_wms", kind="wms_api", site="DC2", conn_id="dc2_wms", timeout_s=5)
SEED = 3  # of the first seeds the first whose three hours end releases in every way


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    """With the orders' source, and the owner of what is released."""
    made = Lane(warehouse, warehouse_dsn, tmp_path)
    seeds = read_folder(project_root() / "dbt_project" / "seeds")
    rule = next(row for row in seeds["ownership_rules"] if row["source"] == "dc2_wms")
    source = next(row for row in seeds["sources"] if row["source"] == "dc2_wms")
    seeds["ownership_rules"].append({**rule, "measure": "provisional", "source": "erp_orders"})
    seeds["sources"].append({**source, "source": "erp_orders", "system": "erp", "sequence": ""})
    apply(warehouse, seeds, NOON, "test")
    return made


def truth(world: Any) -> dict[str, tuple[int, int, bool, bool]]:
    """Order line of DC2 -> units released, units that left, whether nothing more will, whether it was taken back."""
    released, taken_back, left, ended = {}, set(), Counter(), set()
    for line in world.orders.list.page(0, 100_000)["orders"]:
        if line["location"] == "DC2":
            released[line["order_line"]] = line["quantity"]
            taken_back |= {line["order_line"]} if line["is_cancelled"] else set()
    for posted in world.books.logs["DC2"].records():
        for line in posted.body["lines"] if posted.body["type"] == "shipment.confirmed" else ():
            left[line["order_line"]] += line["quantity"]
            ended |= {line["order_line"]} if line["final"] else set()
    return {key: (units, left[key], key in ended, key in taken_back) for key, units in released.items()}


def state_of(released: int, left: int, is_final: bool, is_taken_back: bool) -> tuple[str, int]:
    """State and back order (semantics §11), from the truth."""
    if is_taken_back:
        return "cancelled", 0
    if left == released:
        return "shipped", 0
    if is_final:
        return "short", released - left
    return ("partly" if left else "open"), 0


def test_each_release_ends_as_the_floor_ended_it_and_each_short_is_told_once(
    serve: Any, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(Faults.none(), at_minutes=170, hours=3.0, seed=SEED)
    for name in ("ERP", "DC2_WMS"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", served.twin.env[f"AIRFLOW_CONN_{name}"])
    now = at(170)
    with connect_dsn(lane.dsn("loader")) as loader:
        with wms_api.open_client(connection("dc2_wms"), WMS) as events:
            assert wms_api.pull(loader, events, WMS, now).is_complete
        with erp_orders.open_client(connection("erp"), ORDERS) as orders:
            assert erp_orders.pull(loader, orders, ORDERS, now).is_complete
    assert lane.batch(171)

    expected = {key: state_of(*each) for key, each in truth(served.twin.serving.world).items()}
    found = lane.rows("select release, state, back_order from canonical.releases where location = 'DC2'")
    assert {key: (state, back_order) for key, state, back_order in found} == expected, f"seed {SEED}"
    assert {"shipped", "short", "cancelled", "open"} <= {state for state, _ in expected.values()}, f"seed {SEED}"

    shorts = {key: units for key, (state, units) in expected.items() if state == "short"}
    with connect_dsn(lane.dsn("transformer")) as transformer:
        assert tell(transformer, at(172)).first
        assert tell(transformer, at(173)).first == 0
    told = lane.rows("select subject, payload ->> 'missing' from ops.loop_notices where notice = 'order.short'")
    assert sorted(told) == sorted((f"order/{key}", str(units)) for key, units in shorts.items()), f"seed {SEED}"
