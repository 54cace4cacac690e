"""What was true at an instant, with today's knowledge: what counts today, cut there, placed by the same models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from tests.history.conftest import Scratch
from tests.history.telling import at, released, said, tell
from tests.rereading.conftest import warehouses
from tests.rereading.network import Warehouse
from typer.testing import CliRunner

from syncline.cli.balance import app
from syncline.cli.explain import app as explain
from syncline.explain import StockKey
from syncline.history.derive import Unsettled, cut_at, derive, number
from syncline.history.knowledge import latest
from syncline.history.published import canonical_hash, published_hash
from syncline.history.snapshot import snapshot
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

pytestmark = pytest.mark.deep  # every question about the past is a rebuild of its own: minutes

TWO, THREE = {"item_ref": "SKU-0002"}, {"location_ref": "BETA-NJ2", "status_ref": "17"}


@pytest.fixture(scope="module")
def ours(
    server: embedded.Server, role_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """SKU-0001 at DC1: 100 at 08:00, −5 at 10:00, counted 90 at 11:00, +7 at 12:00; −4 of 10:30 was told only at 15:00.

    A wrong 3PL report of 09:00 came after the shipment: stale. It stays so at 09:30, though the shipment is later.
    The shipment is told once more as of 09:00: a duplicate that moves nothing then.
    At DC3 (G2): 103 of yesterday, −3 at 14:00, a report of today says 100. SKU-0002: a movement that only says its day.
    """
    with warehouses(server, role_passwords, tmp_path_factory.mktemp("day")) as make:
        ours = make()
        tell(ours, "dc1_wms", "api", at("08:01"), said("balance", 100, "08:00:00", "count-1"), name="page 7")
        told = said("balance", 100, "2026-11-01T08:00:00Z", "count-9", **TWO)
        tell(ours, "dc1_wms", "api", at("08:01:30"), told)
        released(ours, at("08:02"))
        tell(ours, "dc1_wms", "api", at("10:01"), said("movement", -5, "10:00:00", "ship-1"))
        tell(ours, "acme_3pl", "edi", at("10:05"), said("balance", 60, "09:00", "846/1"))
        tell(ours, "dc1_wms", "api", at("10:06"), said("movement", -5, "09:00:00", "again", event_key="ship-1"))
        tell(ours, "dc1_wms", "api", at("11:01"), said("balance", 90, "11:00:00", "count-2"))
        tell(ours, "dc1_wms", "api", at("12:01"), said("movement", 7, "12:00:00", "rcv-1"))
        for day, quantity in ((1, 103), (2, 100)):
            told = said("balance", quantity, f"2026-11-0{day}", f"R-{day}", **THREE)
            tell(ours, "beta_3pl", "edi", datetime(2026, 11, day + 1, 12, tzinfo=UTC), told)
        tell(ours, "beta_3pl", "edi", at("20:00"), said("movement", -3, "19:00:00", "ship-9", **THREE))
        tell(ours, "dc1_wms", "api", at("08:00", day=3), said("movement", -5, "2026-11-02", "ship-2", **TWO))
        released(ours, at("12:02", day=3))
        tell(ours, "dc1_wms", "api", at("15:00", day=3), said("movement", -4, "10:30:00", "late"))
        released(ours, at("15:01", day=3))
        yield ours


Number = tuple[int, int | None, int | None] | None


class Past:
    """All that is known today in one scratch database, cut at one instant after the other."""

    def __init__(self, ours: Warehouse, scratch: tuple[psycopg.Connection, str, Path]) -> None:
        self.conn, self.dsn, self.folder = scratch
        with connect_dsn(ours.dsn("bi")) as reader, snapshot(reader):
            derive(reader, self.conn, self.dsn, latest(reader), self.folder)
        for table in ("int_tellings", "int_dispositions"):
            self.conn.execute(f"create table public.{table} as table intermediate.{table}".encode())

    def ask(self, item: str, location: str, instant: datetime) -> tuple[Number, Unsettled]:
        for table in ("int_tellings", "int_dispositions"):
            self.conn.execute(f"truncate intermediate.{table}".encode())
            self.conn.execute(f"insert into intermediate.{table} table public.{table}".encode())
        key = StockKey(item, location, "on_hand", "", "UTC")
        unsettled = cut_at(self.conn, self.dsn, key, instant, self.folder)
        found = number(self.conn, key)
        return found and (found.quantity, found.lo, found.hi), unsettled


SETTLED = Unsettled(0, 0, 0, 0)


def test_a_day_is_walked_back(ours: Warehouse, scratch: Scratch) -> None:
    with scratch() as place:
        past = Past(ours, place)

        def at_dc1(clock: str, day: int = 2) -> Number:
            found, unsettled = past.ask("SKU-0001", "DC1", at(clock, day))
            assert unsettled == SETTLED
            return found

        assert at_dc1("07:00") is None
        assert at_dc1("09:30") == (100, 100, 100)
        assert at_dc1("10:45") == (91, 91, 91), "today we know of the late one"
        assert at_dc1("11:30") == (90, 90, 90)
        # A report of a day does not speak of its noon; in the evening it is not over either.
        assert past.ask("SKU-0001", "DC3", at("17:00")) == ((103, 103, 103), Unsettled(0, 0, 0, 1))
        assert past.ask("SKU-0001", "DC3", at("20:30")) == ((100, 100, 100), Unsettled(0, 0, 0, 1))
        # A movement of the day is counted and flagged.
        assert past.ask("SKU-0002", "DC1", at("18:00")) == ((95, 95, 95), Unsettled(1, -5, 0, 0))
        # At the end of what is known every number is the published one.
        assert past.ask("SKU-0001", "DC3", at("16:00", day=3)) == ((100, 97, 100), SETTLED)
        assert canonical_hash(past.conn) == published_hash(ours.owner, 3)


def test_the_command(ours: Warehouse, server: embedded.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", ours.dsn("bi"))
    monkeypatch.setenv("SYNCLINE_DSN", server.dsn())
    key = ["--item", "SKU-0001", "--location", "DC1"]

    def run(*more: str) -> str:
        return CliRunner().invoke(app, [*key, *more], catch_exceptions=False).output

    assert run().splitlines()[1:3] == ["today: batch 3, published 2026-11-03 09:01:00", "97 exactly"]
    past = run("--as-of", "2026-11-02T03:00:00")
    assert "as of 2026-11-02 03:00:00" in past
    assert "100 exactly" in past
    assert "base: dc1_wms = 100 of 2026-11-02 02:00:00, received 2026-11-02 02:01:00, page 7 line count-1" in past
    believed = json.loads(run("--known-at", "2026-11-02T09:00:00Z", "--json"))
    assert (believed["balance"]["quantity"], believed["known_at"]["batch_id"]) == (100, 1)
    assert (believed["is_compared"], believed["differs"]) == (True, False)
    story = CliRunner().invoke(explain, [*key, "--as-of", "2026-11-02T04:45:00"], catch_exceptions=False).output
    for words in ("as of 04:45:00, with what is known today", "91 exactly", "ship-1", "late", "base: dc1_wms"):
        assert words in story, story
    assert "rcv-1" not in story
    with connect_dsn(server.dsn()) as admin:
        left = admin.execute("select datname from pg_database where datname like 'syncline_scratch%'").fetchall()
    assert left == []
