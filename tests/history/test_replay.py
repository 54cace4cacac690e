"""Derived again from raw: normally nothing changes; after a repair the difference is shown, taken over, pushed once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from tests.history.conftest import Scratch
from tests.history.telling import at, released, said, shown, tell
from tests.rereading.network import Warehouse
from typer.testing import CliRunner

from syncline.cli.replay import app
from syncline.errors import ConfigurationError
from syncline.history.replay import Difference, Selection, compare, request
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

pytestmark = pytest.mark.deep  # every question about the past is a rebuild of its own: minutes

SKU_2 = {"item_ref": "SKU-0002"}


@pytest.fixture
def ours(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """SKU-0001: 100, −5, a stale report; SKU-0002: 50. The ERP shows both as they are."""
    ours = new_warehouse()
    tell(
        ours, "dc1_wms", "api", at("10:01"),
        said("balance", 100, "08:00:00", "count-1"), said("movement", -5, "10:00:00", "ship-1"),
        said("balance", 50, "08:00:00", "count-2", **SKU_2),
    )  # fmt: skip
    shown(ours, "SKU-0001", "DC1", 1, 95, at("10:02"))
    shown(ours, "SKU-0002", "DC1", 1, 50, at("10:02"))
    released(ours, at("10:03"))
    tell(ours, "acme_3pl", "edi", at("10:05"), said("balance", 100, "09:00", "846/1"))
    released(ours, at("10:06"))
    return ours


def compared(ours: Warehouse, scratch: Scratch, selection: Selection) -> Difference:
    with connect_dsn(ours.dsn("transformer")) as conn, scratch() as (past, dsn, folder):
        return compare(conn, past, dsn, selection, folder)


def decided_otherwise(ours: Warehouse) -> None:
    """What an older core, with a defect in it, could have left: the shipment read as −50."""
    ours.owner.execute("update staging.stg_facts set quantity = -50 where line_key = 'ship-1'")
    ours.owner.execute("update canonical.ledger set quantity = -50 where entry = 'movement'")
    ours.owner.execute(
        "update canonical.balances set quantity = 50, quantity_lo = 50, quantity_hi = 50 where item = 'SKU-0001'"
    )
    ours.owner.execute(
        "update intermediate.int_dispositions set disposition = 'contradicted' where source = 'acme_3pl'"
    )


def outbox(ours: Warehouse) -> list[tuple[object, ...]]:
    return ours.rows("select target, item, quantity, state from ops.outbox where target = 'erp' order by created_at")


def test_normally_nothing_changes(ours: Warehouse, scratch: Scratch) -> None:
    before = ours.hashes()
    found = compared(ours, scratch, Selection("dc1_wms"))
    assert (found.selected, found.cells, bool(found)) == (3, 2, False)
    assert ours.hashes() == before
    with connect_dsn(ours.dsn("transformer")) as conn:
        assert request(conn, Selection("dc1_wms"), at("11:00"), "test") == (3, 2)
    done = released(ours, at("11:01"))
    assert ours.hashes() == before
    assert (done.versions, done.pending, done.held, outbox(ours)) == (0, 0, 0, [])
    assert ours.rows("select count(*) from ops.key_triggers where reason = 'replay'") == [(2,)]
    assert ours.settle(at("11:02")) is None, "asked once, thought about once"


def test_a_repaired_rule_shows_and_pushes_the_net_difference(ours: Warehouse, scratch: Scratch) -> None:
    right = ours.hashes()
    decided_otherwise(ours)
    assert ours.hashes() != right
    found = compared(ours, scratch, Selection("dc1_wms"))
    assert [(each.item, each.old and each.old.quantity, each.new and each.new.quantity) for each in found.keys] == [
        ("SKU-0001", 50, 95)
    ]
    assert dict(found.facts) == {("contradicted", "stale"): 1}
    shown(ours, "SKU-0001", "DC1", 2, 50, at("10:30"))
    with connect_dsn(ours.dsn("transformer")) as conn:
        request(conn, Selection("dc1_wms"), at("11:00"), "test")
    released(ours, at("11:01"))
    assert ours.hashes() == right
    assert outbox(ours) == [("erp", "SKU-0001", 45, "pending")]


def test_only_what_is_selected(ours: Warehouse, scratch: Scratch) -> None:
    decided_otherwise(ours)
    other = compared(ours, scratch, Selection("dc1_wms", places=(("SKU-0002", "DC1"),)))
    assert (other.selected, other.cells, bool(other)) == (1, 1, False)
    late = compared(ours, scratch, Selection("acme_3pl", received_from=at("10:05")))
    assert (late.selected, late.cells, len(late.keys)) == (1, 1, 1)
    with pytest.raises(ConfigurationError, match="No fact of acme_3pl"):
        compared(ours, scratch, Selection("acme_3pl", received_to=at("10:04")))
    with pytest.raises(ConfigurationError, match="No fact of nobody"):
        compared(ours, scratch, Selection("nobody"))


def test_the_command(ours: Warehouse, server: embedded.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_TRANSFORMER", ours.dsn("transformer"))
    monkeypatch.setenv("SYNCLINE_DSN", server.dsn())
    monkeypatch.setenv("SYNCLINE_CLOCK", f"virtual:2026-11-02T12:00:00+00:00/{time.time()}/1")

    def run(*more: str, answer: str = "") -> str:
        return CliRunner().invoke(app, ["--source", "dc1_wms", *more], input=answer, catch_exceptions=False).output

    assert "Nothing would change" in run()
    decided_otherwise(ours)
    shown_ = run("--keys", "SKU-0001/DC1, SKU-0002/DC1", "--dry-run")
    assert "3 facts of dc1_wms in 2 cells" in shown_
    assert "1 facts: contradicted, then stale" in shown_
    assert "50 exactly" in shown_
    assert "95 exactly" in shown_
    assert "Nothing was written." in shown_
    assert "Nothing was written." in run(answer="n\n")
    told = json.loads(run("--json"))
    assert (told["keys_changed"][0]["old"]["quantity"], told["requested"]) == (50, None)
    assert ours.rows("select count(*) from ops.key_triggers") == [(0,)]
    assert "The next batch maps 3 facts again and decides 2 cells" in run(answer="y\n")
    assert ours.rows("select count(*), min(due_at)::date::text from ops.key_triggers") == [(2, "2026-11-02")]
