"""Cases of every closed loop on the twin: API, SFTP and exports in, notices out, through the real DAGs.

Each notice is at its receiver once, whatever is cleared and wherever a worker is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.dags.test_end_to_end import Run, day_over, runner
from tests.databases import subscribed
from tests.loops.test_every_kind import NOTICES
from tests.notices.conftest import SECRET, Receiver, receiver
from tests.notices.test_kill import killed
from typer.testing import CliRunner

from syncline.cli.loops import app
from syncline.clock import clock_from_env
from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.runtime import partners
from syncline.warehouse.embedded import Server

__all__ = ["receiver"]

ROOT = Path(__file__).parents[2]
SEED = 5
SITE = "DC3"
# Dies when all is written and nothing is committed.
TELL = """
import os
from syncline.clock import clock_from_env
from syncline.loops import tell
from syncline.warehouse.connect import connect_dsn
with connect_dsn(os.environ["DSN"]) as conn, conn.transaction():
    assert tell(conn, clock_from_env().now()).first > 0
    os.kill(os.getpid(), 9)
"""


def with_orders_and_a_hook(registry: dict[str, Any]) -> None:
    registry["sources"].append({"name": "erp_orders", "kind": "erp_orders", "conn_id": "erp", "staleness_s": 604_800})
    registry["subscribers"] = [{"name": "hook", "kind": "webhook", "from_start": True, "timeout_s": 5}]


@pytest.fixture
def twin(
    server: Server, database: str, role_passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[partners.Partners]:
    day = partners.Day(seed=SEED, hours=2.0, rate=600.0, cases_per_hour=24.0)
    with day_over(server, database, role_passwords, monkeypatch, day, with_orders_and_a_hook) as running:
        yield running


@pytest.fixture
def run(airflow_database: None, twin: partners.Partners) -> Run:
    from airflow.dag_processing.dagbag import DagBag

    return runner(DagBag(dag_folder=ROOT / "dags"))


@pytest.fixture
def subscribed_hook(
    warehouse: psycopg.Connection, twin: partners.Partners, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders own what is released; everybody who hears of loops is one webhook."""
    seeds = read_folder(project_root() / "dbt_project" / "seeds")
    owners = [row for row in seeds["ownership_rules"] if row["measure"] == "on_hand" and row["role"] == "primary"]
    seeds["ownership_rules"] += [{**row, "measure": "provisional", "source": "erp_orders"} for row in owners]
    like = next(row for row in seeds["sources"] if row["source"] == "dc2_wms")
    seeds["sources"].append({**like, "source": "erp_orders", "system": "erp", "sequence": ""})
    apply(warehouse, seeds, clock_from_env().now(), "test")
    subscribed(warehouse, *(("hook", notice, "*", "*", "live") for notice in NOTICES))
    hook = {"conn_type": "http", "host": "127.0.0.1", "port": receiver.port, "password": SECRET}
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({**hook, "extra": {"path": "/in"}}))


def rows(conn: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query.encode()).fetchall()


def export_returns(told: list[dict[str, Any]], folder: Path) -> None:
    """As the order system writes them; landed twice."""
    export = folder / "returns.jsonl"
    export.write_text("\n".join(json.dumps(line) for line in told), encoding="utf-8")
    command = CliRunner()
    for new in (len(told), 0):
        shown = command.invoke(app, ["returns", str(export), "--source", "erp_orders"], catch_exceptions=False).stdout
        assert shown.startswith(f"{new} lines landed"), shown


def deliver_all(run: Run) -> None:
    """Until a run of the DAG has nothing to send."""
    for _ in range(20):
        if run("deliver_hook")["deliver"] == "skipped":
            return
    raise AssertionError("deliveries never end")


def test_every_case_ends_in_its_loop_and_every_notice_is_heard_once(
    twin: partners.Partners, subscribed_hook: None, run: Run, warehouse: psycopg.Connection, receiver: Receiver,
    warehouse_dsn: Callable[[str], str], tmp_path: Path,
) -> None:  # fmt: skip
    truth = twin.truth()
    assert min(Counter(case["kind"] for case in truth["cases"]).values()) >= 2, f"seed {SEED}"
    export_returns(truth["returns"], tmp_path)
    assert run("deliver_hook") == {"deliver": "skipped"}  # from now on it hears
    for source in ("erp_orders", "dc1_wms", "dc2_wms", "beta_3pl"):
        while run(f"ingest_{source}")["pull"] != "skipped":
            pass
    assert run("resolve")["release"] == "success"

    found = Counter(
        rows(
            warehouse,
            "select kind, subject, item, location, expected, happened, missing from marts.fct_loops",
        )
    )
    expected = Counter(tuple(case.values()) for case in truth["cases"])
    about = {case["subject"] for case in truth["cases"]}
    assert Counter({row: number for row, number in found.items() if row[1] in about}) == expected, f"seed {SEED}"

    dead = subprocess.run(
        [sys.executable, "-c", TELL], env=os.environ | {"DSN": warehouse_dsn("transformer")}, check=False, timeout=60,
        capture_output=True, text=True,
    )  # fmt: skip
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert run("deliver_hook") == {"deliver": "skipped"}  # of what was not committed nobody hears
    assert [run("tell_loops") for _ in range(3)] == [{"tell": "success"}, {"tell": "skipped"}, {"tell": "skipped"}]

    now = clock_from_env().now().isoformat()
    killed(warehouse_dsn("publisher"), now, "settle", 2, PORT=str(receiver.port))
    in_doubt = receiver.ids[-1]
    deliver_all(run)
    heard = Counter(receiver.ids)
    assert {name: times for name, times in heard.items() if times > 1} == {in_doubt: 2}, "again, under its own id"
    run("resolve")  # time goes on: what is due may be decided anew, and nothing is told again
    assert run("tell_loops") == {"tell": "skipped"}
    deliver_all(run)
    assert Counter(receiver.ids) == heard

    events = {event["id"]: event for event in receiver.events}.values()
    told = Counter((event["data"]["loop_id"], event["type"].removeprefix("syncline.")) for event in events)
    assert told == Counter(rows(warehouse, "select loop_id, notice from marts.fct_loop_notices"))
    assert {event["data"]["kind"] for event in events} == {case["kind"] for case in truth["cases"]}
