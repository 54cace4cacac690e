"""The story of a number names its base, what came on top, what lost and why, and what the targets show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.history.telling import at, released, said, shown, tell
from tests.rereading.conftest import warehouses
from tests.rereading.network import Warehouse
from typer.testing import CliRunner

from syncline.cli.explain import app
from syncline.cli.trace import app as trace_app
from syncline.errors import TerminalError
from syncline.explain import find_key
from syncline.explain import tell as story_of
from syncline.explain.keys import read_instant
from syncline.explain.story import Limits
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

KEY = ["--item", "SKU-0001", "--location", "DC1"]


@pytest.fixture(scope="module")
def contested(
    server: embedded.Server, role_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """SKU-0001: 100 counted at 08:00, 5 shipped at 10:00; the 3PL is late, one shipment is told thrice, once otherwise.

    SKU-0002: nine movements. SKU-0003: −5 at 09:00, revised to −6 at 11:00; a count at 10:00 says 95.
    """
    with warehouses(server, role_passwords, tmp_path_factory.mktemp("told")) as make:
        ours = make()
        two, three = {"item_ref": "SKU-0002"}, {"item_ref": "SKU-0003"}
        tell(ours, "dc1_wms", "api", at("07:31"), said("movement", 3, "07:30:00", "rcv-1"))
        tell(ours, "dc1_wms", "api", at("08:01"), said("balance", 100, "08:00:00", "count-1"), name="page 7")
        tell(ours, "dc1_wms", "api", at("08:02"), said("balance", 100, "08:00:00", "count-2", **two))
        tell(ours, "dc1_wms", "api", at("08:03"), said("balance", 100, "08:00:00", "count-3", **three))
        moves = [said("movement", -n, f"09:0{n}:00", f"s{n}", **two) for n in range(9)]
        tell(ours, "dc1_wms", "api", at("09:30"), *moves, said("movement", -5, "09:00:00", "ship-3", **three))
        tell(ours, "dc1_wms", "api", at("10:00:02"), said("movement", -5, "10:00:00", "ship-1", sequence=42))
        shown(ours, "SKU-0001", "DC1", 1, 100, at("10:01"))
        released(ours, at("10:02"))
        tell(ours, "acme_3pl", "edi", at("10:05"), said("balance", 100, "09:00", "846/1"), name="inventory.edi")
        tell(
            ours, "dc1_wms", "api", at("11:06"),
            said("movement", -5, "10:00:00", "again-1", event_key="ship-1"),
            said("movement", -6, "10:00:00", "again-2", event_key="ship-1"),
            said("balance", 95, "10:00:00", "count-4", **three),
            said("movement", -6, "11:00:00", "ship-3", revision=2, **three),
        )  # fmt: skip
        released(ours, at("11:07"))
        yield ours


def test_the_story_of_a_contested_number(contested: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", contested.dsn("bi"))
    told = CliRunner().invoke(app, [*KEY, "--json"], catch_exceptions=False)
    story = json.loads(told.output)
    assert story["balance"] == {
        "quantity": 95, "lo": 95, "hi": 95, "is_ambiguous": False, "base_fact": story["base"]["fact_id"],
        "batch_id": story["balance"]["batch_id"],
    }  # fmt: skip
    assert story["adds_up"] is True
    assert (story["base"]["document"], story["base"]["position"], story["base"]["reading"]) == (
        "page 7", "line count-1", "by hand/1",
    )  # fmt: skip
    assert [(each["line_key"], each["delta"], each["running"]) for each in story["on_top"]["shown"]] == [
        ("ship-1", -5, -5)
    ]
    assert [(each["line_key"], each["delta"]) for each in story["absorbed"]["shown"]] == [("rcv-1", 3)]
    assert story["losers"]["count"] == {"conflict": 1, "duplicate": 1, "stale": 1}
    losers = {each["line_key"]: each for each in story["losers"]["shown"]}
    assert losers["846/1"]["why"] == "older than what the owner had told before: never overwrites"
    assert losers["again-2"]["why"] == "the same event told with other content: the kept telling stands"
    assert losers["again-2"]["decided_by"] == story["on_top"]["shown"][0]["fact_id"]
    assert [(each["verdict"], each["variances"]) for each in story["verdicts"]["shown"]] == [
        ("match", [0]), ("incomparable", []),
    ]  # fmt: skip
    assert [each["rule"] for each in story["exceptions"]] == ["conflict"]
    erp = next(each for each in story["corrections"] if each["target"] == "erp")
    assert (erp["shows"], erp["should_show"], erp["state"], erp["reason"]) == (100, 95, "held", "conflict")


def test_it_reads_at_a_glance(contested: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide terminal is not needed, and times are those of the site."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", contested.dsn("bi"))
    text = CliRunner().invoke(app, KEY, catch_exceptions=False).output
    assert max(map(len, text.splitlines())) <= 120
    for words in (
        "SKU-0001 at DC1, on_hand   (times in America/Chicago; without a date, of 2026-11-02)",
        "95 exactly",
        "02:00:00  base: dc1_wms",  # 08:00 UTC
        "page 7 line count-1",
        "Already in the base: 1 movement, +3 in all",
        "Did not count: 1 conflict, 1 duplicate, 1 stale",
        "by dc1_wms −5 of 04:00:00",
        "held (conflict)",
    ):
        assert words in text, text


def test_rows_are_bounded_and_still_add_up(contested: Warehouse) -> None:
    with connect_dsn(contested.dsn("bi")) as reader:
        story = story_of(reader, find_key(reader, "SKU-0002", "DC1"), limits=Limits(on_top=3))
    shown_ = [(each.delta, each.running, each.count, each.total) for each in story.numbers.on_top]
    assert shown_ == [(-6, -21, 9, -36), (-7, -28, 9, -36), (-8, -36, 9, -36)]
    assert story.adds_up
    assert story.numbers.balance is not None
    assert story.numbers.balance.quantity == 64


def test_revisions_add_their_difference(contested: Warehouse) -> None:
    """−5 is in the count of 95, −1 comes on top."""
    with connect_dsn(contested.dsn("bi")) as reader:
        story = story_of(reader, find_key(reader, "SKU-0003", "DC1"))
    assert [each.delta for each in story.numbers.on_top] == [-1]
    assert [each.delta for each in story.numbers.absorbed] == [-5]
    assert story.adds_up


def test_who_asks_wrongly_hears_the_nearest_names(contested: Warehouse) -> None:
    with connect_dsn(contested.dsn("bi")) as reader:
        with pytest.raises(TerminalError, match=r"'sku-0001x' is not known.*Did you mean SKU-0001 or"):
            find_key(reader, "sku-0001x", "DC1")
        with pytest.raises(TerminalError, match=r"location 'dc-1'.*Did you mean DC1"):
            find_key(reader, "SKU-0001", "dc-1")
        with pytest.raises(TerminalError, match="Did you mean on_hand"):
            find_key(reader, "SKU-0001", "DC1", "onhand")
        with pytest.raises(TerminalError, match=r"No fact speaks of SKU-0001 at DC2.*is known at: DC1"):
            story_of(reader, find_key(reader, "SKU-0001", "DC2"))
        with pytest.raises(TerminalError, match="'noon' is no instant"):
            read_instant("noon", "America/Chicago")
        assert read_instant("2026-11-02T04:00:00", "America/Chicago") == at("10:00")
        assert read_instant("2026-11-02T10:00:00Z", "America/Chicago") == at("10:00")


def test_before_the_first_batch_it_says_so(new_warehouse: Callable[[], Warehouse]) -> None:
    dsn = new_warehouse().dsn("bi")
    with connect_dsn(dsn) as reader, pytest.raises(TerminalError, match="Nothing was ever resolved"):
        find_key(reader, "SKU-0001", "DC1")


def test_one_id_leads_from_the_page_to_the_correction_and_back(
    contested: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told at 10:00:02, released at 10:02: the shipment is the newest entry, so the correction follows it."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", contested.dsn("bi"))

    def follow(asked: str) -> dict[str, list[dict[str, Any]]]:
        told = CliRunner().invoke(trace_app, [asked, "--json"], catch_exceptions=False)
        found: dict[str, list[dict[str, Any]]] = json.loads(told.output)
        return found

    with connect_dsn(contested.dsn("bi")) as conn:
        correction = conn.execute(
            "select correction_id, fact_id, correlation_id from ops.outbox where (target, item) = ('erp', 'SKU-0001') "
            "order by batch_id limit 1"
        ).fetchone()
    assert correction is not None
    by_correction = follow(correction[0][:12])
    assert [fact["fact_id"] for fact in by_correction["facts"]] == [correction[1]] * len(by_correction["facts"])
    assert by_correction["facts"][0]["recorded"].startswith("2026-11-02T10:00:00")
    assert [each["document_id"] for each in by_correction["documents"]] == [correction[2]]
    for asked in correction[1:]:
        found = follow(asked)
        assert correction[0] in [each["correction_id"] for each in found["corrections"]]
        assert correction[2] in [each["document_id"] for each in found["documents"]]
    shown = CliRunner().invoke(trace_app, [correction[2]], catch_exceptions=False).output
    assert "Told by" in shown
    assert correction[0][:12] in shown
    with pytest.raises(TerminalError, match="Nothing has the id 'nobody'"):
        CliRunner().invoke(trace_app, ["nobody"], catch_exceptions=False)
