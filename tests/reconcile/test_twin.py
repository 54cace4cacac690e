"""The twin's full states, pulled by the product: what is right proves, and each fault is found for what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from syncline.connections import Connection
from syncline.reconcile.books import Books
from syncline.reconcile.client import open_client
from syncline.reconcile.pages import ERP, WMS
from syncline.reconcile.pulling import Pulled, pull
from syncline.registry import Balances
from syncline.twin.faults import Faults

AS_OF = datetime(2026, 11, 2, 13, tzinfo=UTC)
NOW = datetime(2026, 11, 2, 13, 30, tzinfo=UTC)
SYSTEMS: dict[str, tuple[Any, ...]] = {
    "dc1_wms": ("wms", "/wms/v1/DC1/balances", {}, WMS),
    "erp": ("erp", "/erp/v1/balances", {"location": "DC1"}, ERP),
}
FOUND = {
    "full_page_missing": "page_missing", "full_other_as_of": "other_as_of", "full_cut": "control_lines",
    "full_totals": "control_lines", "full_flood": None,
}  # fmt: skip


def pulled(conn: psycopg.Connection, served: Any, name: str) -> Pulled:
    told = json.loads(served.twin.env[f"AIRFLOW_CONN_{name.upper()}"])
    system, path, params, dialect = SYSTEMS[name]
    books = Books(name, system, name, "DC1", "DC1", path, params, dialect, Balances(page_limit=20), 10, 4)
    connection = Connection(name, "http", told["host"], told["port"], password=told["password"])
    with open_client(connection, books) as client:
        return pull(conn, client, books, AS_OF, NOW)


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_the_twin_tells_rightly_proves(serve: Any, loader: psycopg.Connection, name: str) -> None:
    served = serve(Faults.none(drip=0.2, drip_real_s=0.1, cut_body=0.1, server_error=0.1, lost_answer=0.1))
    result = pulled(loader, served, name)
    assert result.is_proven
    assert result.pages >= 4
    again = pulled(loader, served, name)
    assert (again.snapshot_id, again.is_new) == (result.snapshot_id, False)


@pytest.mark.parametrize("fault", FOUND)
@pytest.mark.parametrize("name", SYSTEMS)
def test_every_fault_of_the_twin_is_found(serve: Any, loader: psycopg.Connection, name: str, fault: str) -> None:
    served = serve(Faults.none(**{fault: 1}))
    assert pulled(loader, served, name).fault_code == FOUND[fault]
    assert served.twin.serving.world.count.injected[fault] == 1
