"""A run of one location: every book by itself, exceptions of what is silent or not believed, and the command."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.reconcile.conftest import AS_OF, Partner
from tests.reconcile.test_promoting import of, state
from tests.resolve.lane import Lane, at
from tests.threads import led
from typer.testing import CliRunner

from syncline.cli.reconcile import app
from syncline.clock import Clock
from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerUnavailable
from syncline.reconcile.promoting import Flood
from syncline.reconcile.runs import run_of
from syncline.reconcile.steps import Surroundings, compare_run, plan_runs, promote_run, pull_all
from syncline.registry import load_registry
from syncline.resolve import build_marts
from syncline.warehouse.connect import connect_dsn

Start = Callable[[list[Any]], Partner]
NOW = at(61)
REGISTRY = """
sources:
  - {name: dc1_wms, kind: wms_api, site: DC1, timeout_s: 2, retries: 0, balances: {page_limit: 2}}
targets:
  - {name: erp, kind: erp_api, style: delta, sole_writer: true, life_s: 30, timeout_s: 2, balances: {}}
"""


def books(quantity: int, location: str = "DC1") -> list[dict[str, Any]]:
    line = {"item": "SKU-0001", "location": location, "uom": "EA", "quantity": quantity}
    scope = {"locations": ["DC1"], "measures": ["financial"]}
    control = {"lines": 1, "units": quantity}
    page = {"as_of": AS_OF, "page": 1, "scope": scope, "balances": [line], "next_page_token": None}
    return [{**page, "control": control}]


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    return Lane(warehouse, warehouse_dsn, tmp_path)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "registry.yml"
    path.write_text(REGISTRY)
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(path))


@pytest.fixture
def around(registry: None, lane: Lane) -> Callable[..., Surroundings]:
    def made(**partners: Partner | int) -> Surroundings:
        @contextmanager
        def warehouse(role: str) -> Iterator[psycopg.Connection]:
            with connect_dsn(lane.dsn(role)) as conn:
                yield conn

        def connection(conn_id: str) -> Connection:
            told = partners[conn_id]
            port = told if isinstance(told, int) else told.port
            return Connection(conn_id, "http", "127.0.0.1", port, password="secret-token")

        return Surroundings(load_registry(), Clock(NOW, 0.0, 0.0), warehouse, connection, "test")

    return made


def begun(lane: Lane, by: str = "me") -> int:
    with connect_dsn(lane.dsn("transformer")) as conn:
        return plan_runs(conn, "DC1", by, NOW)[0].run_id


def open_exceptions(lane: Lane) -> list[tuple[Any, ...]]:
    return list(lane.rows("select rule, subject from ops.exceptions where state = 'open' order by exception_id"))


def test_every_book_is_pulled_and_the_erps_is_compared_only(
    lane: Lane, partner: Start, around: Callable[..., Surroundings]
) -> None:
    lane.tell(1, of(1, 10))
    lane.batch(2)
    ours = around(dc1_wms=partner(state([("SKU-0001", "EA", 9)])), erp=partner(books(4)))
    number = begun(lane)
    assert [(each.source, each.is_proven) for each in pull_all(ours, number)] == [("dc1_wms", True), ("erp", True)]
    assert promote_run(ours, number) == [], "nothing is taken over that was not compared"
    compared = compare_run(ours, number)
    assert compared is not None
    assert [(side.source, side.is_proven) for side in compared.sides] == [("erp", True), ("dc1_wms", True)]
    assert [(each.source, each.facts) for each in promote_run(ours, number)] == [("dc1_wms", 1)]
    assert lane.rows("select source, measures, locations from raw.snapshots order by source") == [
        ("dc1_wms", ["on_hand"], ["DC1"]), ("erp", ["financial"], ["DC1"]),
    ]  # fmt: skip
    run = run_of(lane.owner, number)
    assert (run.state, run.as_of, [each["source"] for each in run.pulled]) == ("promoted", at(60), ["dc1_wms", "erp"])
    assert [each["differing"] for each in run.promoted] == [1]
    assert lane.rows("select count(*) from ops.source_cursors where source <> 'dc1_wms'") == [(0,)]
    assert lane.rows("select polled_at from ops.source_cursors") == [(at(1),)], "a state is no poll"


def test_what_one_does_not_tell_the_others_do(lane: Lane, partner: Start, around: Callable[..., Surroundings]) -> None:
    number = begun(lane)
    silent = around(dc1_wms=partner(state([("SKU-0001", "EA", 9)])), erp=partner([410]))
    assert [each.source for each in pull_all(silent, number)] == ["dc1_wms"]
    assert open_exceptions(lane) == [("snapshot.unproven", "erp/DC1")]
    missed = run_of(lane.owner, number).pulled[1]
    assert (missed["source"], missed["fault_code"], "410" in missed["why"]) == ("erp", "no_answer", True)
    again = around(dc1_wms=partner(state([("SKU-0001", "EA", 9)])), erp=partner(books(1)))
    assert len(pull_all(again, number)) == 2
    assert open_exceptions(lane) == []


def test_a_location_of_which_nobody_tells_is_asked_again(
    lane: Lane, partner: Start, around: Callable[..., Surroundings]
) -> None:
    with pytest.raises(PartnerUnavailable, match="503"):
        pull_all(around(dc1_wms=partner([503]), erp=partner([410])), begun(lane))
    assert open_exceptions(lane) == [("snapshot.unproven", "dc1_wms/DC1"), ("snapshot.unproven", "erp/DC1")]


def test_a_refused_login_is_red_and_the_other_book_is_there(
    lane: Lane, partner: Start, around: Callable[..., Surroundings]
) -> None:
    with pytest.raises(ConfigurationError, match="401") as caught:
        pull_all(around(dc1_wms=partner([401]), erp=partner(books(1))), begun(lane))
    assert "secret" not in str(caught.value)
    assert lane.rows("select source, is_proven from raw.snapshots") == [("erp", True)]


def test_books_of_another_location_prove_nothing(
    lane: Lane, partner: Start, around: Callable[..., Surroundings]
) -> None:
    pulled = pull_all(
        around(dc1_wms=partner(state([("SKU-0001", "EA", 1)])), erp=partner(books(1, "DC2"))), begun(lane)
    )
    assert [each.fault_code for each in pulled] == [None, "out_of_scope"]


def test_a_flood_opens_one_exception_and_closes_when_a_state_is_believed(
    lane: Lane, partner: Start, around: Callable[..., Surroundings]
) -> None:
    lane.tell(1, *(of(number, 10) for number in range(1, 6)))
    lane.batch(2)
    flooded = [(f"SKU-{number:04d}", "EA", 120) for number in range(1, 6)]
    ours = around(dc1_wms=partner(state(flooded)), erp=partner(books(1)))
    number = begun(lane)
    pull_all(ours, number)
    for _ in range(2):
        compare_run(ours, number, Flood(40, 3))
        assert [(each.source, each.facts) for each in promote_run(ours, number)] == [("dc1_wms", 0)]
    assert [subject for rule, subject in open_exceptions(lane) if rule == "snapshot.flood"].count("dc1_wms/DC1") == 1
    assert lane.rows("select count(*) from raw.facts where reading = 'balances/1'") == [(0,)]
    compare_run(ours, number, Flood(100, 3))
    assert [each.facts for each in promote_run(ours, number)] == [5]
    assert "snapshot.flood" not in {rule for rule, _ in open_exceptions(lane)}


def test_what_a_newer_run_has_compared_an_older_one_does_not_touch(
    lane: Lane, partner: Start, around: Callable[..., Surroundings]
) -> None:
    lane.tell(1, of(1, 10))
    lane.batch(2)
    ours = around(dc1_wms=partner(state([("SKU-0001", "EA", 9)])), erp=partner(books(9)))
    older, newer = begun(lane, "a"), begun(lane, "b")
    pull_all(ours, older)
    pull_all(ours, newer)
    assert compare_run(ours, newer) is not None
    assert compare_run(ours, older) is None
    assert promote_run(ours, older) == []
    assert [each.facts for each in promote_run(ours, newer)] == [1]


def test_the_command_runs_a_location_and_shows_it(
    lane: Lane, partner: Start, registry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("loader", "transformer", "publisher", "bi"):
        monkeypatch.setenv(f"AIRFLOW_CONN_WAREHOUSE_{role.upper()}", lane.dsn(role))
    monkeypatch.setenv("SYNCLINE_CLOCK", Clock(NOW, time.time(), 1e-6).spec())
    lane.tell(1, of(1, 10))
    lane.batch(2)
    for name, told in {"dc1_wms": partner(state([("SKU-0001", "EA", 9)])), "erp": partner(books(4, "DC9"))}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", f"http://:token@127.0.0.1:{told.port}")
    command = CliRunner(env={"COLUMNS": "160"})
    done = command.invoke(app, ["run", "--location", "DC1", "--json"], catch_exceptions=False)
    assert done.exit_code == 1, "the ERP's state is not proven"
    (told,) = json.loads(done.stdout)
    assert [(each["source"], each["fault_code"]) for each in told["pulled"]] == [
        ("dc1_wms", None),
        ("erp", "out_of_scope"),
    ]
    shown = command.invoke(app, ["show", str(told["run_id"]), "--json"], catch_exceptions=False)
    assert json.loads(shown.stdout) == [told]
    table = command.invoke(app, ["show", "--location", "DC1"], catch_exceptions=False).stdout
    assert "dc1_wms" in table
    assert "1 of 1" in table
    assert "out_of_scope" in table
    assert "no run" in str(command.invoke(app, ["show", "99"]).exception)
    build_marts(lane.dsn("transformer"), lane.target)
    assert led(lane.dsn("bi"), "fct_reconciliation") > 0
