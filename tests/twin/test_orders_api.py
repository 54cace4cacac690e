"""The twin's orders API over real HTTP, and the product that pulls it: every release once, with its terms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from syncline.connections import connection
from syncline.errors import PartnerUnavailable
from syncline.registry import Source
from syncline.sources import erp_orders
from syncline.twin.faults import Faults
from syncline.warehouse.connect import connect_dsn

SOURCE = Source(name="erp_orders", kind="erp_orders", conn_id="erp", page_limit=20, retries=8, timeout_s=5)


def told(api: Any, limit: int) -> list[dict[str, Any]]:
    """Every line of every page from the beginning."""
    found: list[dict[str, Any]] = []
    while True:
        page = api.get("/erp/v1/orders", after=len(found), limit=limit).json()
        found += page["orders"]
        assert page["next"] == len(found)
        if not page["has_more"]:
            return found


def test_pages_of_any_size_tell_every_change_once_and_a_line_is_released_before_it_is_cancelled(serve: Any) -> None:
    served = serve(at_minutes=110)
    api = served.api("erp")
    lines = told(api, 500)
    assert told(api, 7) == lines
    releases = [line["order_line"] for line in lines if line["revision"] == 1]
    cancelled = [line["order_line"] for line in lines if line["is_cancelled"]]
    assert len(releases) == len(set(releases)) > 50
    assert cancelled
    assert len(releases) + len(cancelled) == len(lines)
    assert set(cancelled) <= set(releases)
    sold = {attempt.order_line: attempt for attempt in served.twin.serving.world.orders.attempts}
    assert all(line["quantity"] == sold[line["order_line"]].taken for line in lines)
    assert served.api("shop").get("/erp/v1/orders").status_code == 401


@pytest.mark.parametrize(
    "faults",
    [Faults.none(), Faults.none(server_error=0.2, lost_answer=0.2, cut_body=0.2)],
    ids=["quiet", "answers are lost"],
)
def test_every_release_is_landed_once_with_its_terms_whatever_http_does(
    serve: Any, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch, faults: Faults,
) -> None:  # fmt: skip
    served = serve(faults, at_minutes=110)
    monkeypatch.setenv("AIRFLOW_CONN_ERP", served.twin.env["AIRFLOW_CONN_ERP"])
    now = served.twin.serving.clock.now()
    with (
        connect_dsn(warehouse_dsn("loader")) as loader,
        erp_orders.open_client(connection("erp"), SOURCE) as client,
    ):
        for minute in range(9):
            try:
                if erp_orders.pull(loader, client, SOURCE, now + timedelta(minutes=minute)).is_complete:
                    break
            except PartnerUnavailable:
                continue
        again = erp_orders.pull(loader, client, SOURCE, now + timedelta(minutes=10))
    assert (again.facts, again.load_id) == (0, None)
    lines = served.twin.serving.world.orders.list.page(0, 10_000)["orders"]
    landed = warehouse.execute(
        "select f.line_key, f.revision, f.cancel, f.item_ref, f.location_ref, f.quantity, t.priority, t.unit_price"
        " from raw.facts f join raw.order_terms t using (fact_id) where f.status_ref = 'provisional' order by 1, 2"
    ).fetchall()
    assert landed == sorted(
        (each["order_line"], each["revision"], each["is_cancelled"], each["item"], each["location"],
         str(each["quantity"]), each["priority"], each["unit_price"])
        for each in lines
    )  # fmt: skip
    assert warehouse.execute("select count(*) from raw.facts").fetchone() == (len(landed),)
