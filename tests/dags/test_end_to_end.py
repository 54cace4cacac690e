"""A short day through the real DAGs: twin over HTTP and SFTP, Postgres, dbt, Great Expectations, `dag.test()`."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from syncline.edi.partners import partners_folder
from syncline.registry import load_registry, registry_path
from syncline.runtime import databases, partners
from syncline.runtime.agreement import compare
from syncline.runtime.credentials import Credentials
from syncline.runtime.databases import Place
from syncline.runtime.environment import Installation, warehouse_connections
from syncline.runtime.installation import apply_configuration
from syncline.runtime.supervisor import Supervisor
from syncline.warehouse.embedded import Server

QUIET_S = 60.0
ROUNDS_MAX = 4
Run = Callable[[str], dict[str, str]]


@contextmanager
def day_over(
    server: Server,
    database: str,
    passwords: dict[str, str],
    patch: pytest.MonkeyPatch,
    day: partners.Day,
    more: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Iterator[partners.Partners]:
    """A twin whose day of business is over; the connections of everybody are in the environment.

    ``more`` changes the registry, as it was read from its file.
    """
    home = Path(tempfile.mkdtemp(prefix="syncline-day-"))
    place = Place(server.dsn(database), is_embedded=True)
    installation = Installation(home, place, database, "", Credentials(roles=passwords), 0)
    apply_configuration(installation)
    with Supervisor(home, grace_s=5) as supervisor:
        running = partners.start(supervisor, installation, day)
        for name, value in {**running.env, **warehouse_connections(installation)}.items():
            patch.setenv(name, value)
        patch.setenv("SYNCLINE_HOME", str(home))
        registry = yaml.safe_load(registry_path().read_text(encoding="utf-8"))
        # At 600 times real time the pause between two runs is hours: no partner is silent here.
        registry["sources"] = [{**source, "staleness_s": 604_800} for source in registry["sources"]]
        more(registry)
        (home / "registry.yml").write_text(yaml.safe_dump(registry), encoding="utf-8")
        shutil.copytree(partners_folder(), home / "partners")
        patch.setenv("SYNCLINE_REGISTRY", str(home / "registry.yml"))
        end = time.monotonic() + QUIET_S
        while not running.status()["quiet"]:
            assert time.monotonic() < end, "the day never ended"
            time.sleep(0.2)
        yield running
    databases.drop_database(place.owner_dsn, f"{database}_twin")
    shutil.rmtree(home)


@pytest.fixture
def twin(
    server: Server, database: str, role_passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[partners.Partners]:
    """Half an hour of business."""
    day = partners.Day(seed=11, hours=0.5, rate=600.0)
    with day_over(server, database, role_passwords, monkeypatch, day) as running:
        yield running


@pytest.fixture
def run(airflow_database: None, dag_bag: Any) -> Run:
    """``run(dag_id)`` executes the DAG in this process; task id -> state. The run itself must succeed."""

    return runner(dag_bag)


def runner(dag_bag: Any) -> Run:
    def execute(dag_id: str) -> dict[str, str]:
        # dag.test() logs and swallows what a task raises: only the states tell.
        finished = dag_bag.dags[dag_id].test()
        assert finished.state == "success", dag_id
        return {task.task_id: str(task.state) for task in finished.get_task_instances()}

    return execute


def whole_round(run: Run) -> dict[str, str]:
    """Every DAG once, in the order of the flow; state of the last task of each."""
    registry = load_registry()
    states = {}
    for source in registry.sources:
        states |= {f"ingest_{source.name}": run(f"ingest_{source.name}")["pull"]}
    states["resolve"] = run("resolve")["release"]
    for target in registry.targets:
        states |= {f"push_{target.name}": run(f"push_{target.name}")["push"]}
    return states


def everything(conn: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """What must not change when there is nothing new."""
    queries = {
        "balances": "select * from canonical.balances",
        "outbox": "select correction_id, state, tries from ops.outbox",
        "attempts": "select correction_id, try_no, outcome from ops.push_attempts",
        "facts": "select fact_id, load_id, position from raw.facts",
        "shown": "select target, item, location, reading_no, quantity from ops.target_readings",
    }
    return {name: sorted(conn.execute(query).fetchall(), key=repr) for name, query in queries.items()}


def test_a_day_ends_with_targets_that_equal_canonical_and_stays_there(
    twin: partners.Partners, run: Run, warehouse: psycopg.Connection
) -> None:
    first = whole_round(run)
    assert first["ingest_dc1_wms"] == first["resolve"] == "success"

    rounds = 1
    while "success" in whole_round(run).values():
        rounds += 1
        assert rounds < ROUNDS_MAX, "every round found more to do: no fixed point"

    agreement = compare(warehouse, twin.truth())
    assert agreement.wrong == []
    assert agreement.keys > 100
    applied = warehouse.execute("select count(*) from ops.outbox where state = 'applied'").fetchone()
    assert applied is not None
    assert applied[0] > 0
    assert run("marts") == {"build": "success"}

    # A fixed point: nothing new is skipped everywhere, and nothing moves.
    before = everything(warehouse)
    assert set(whole_round(run).values()) == {"skipped"}
    assert everything(warehouse) == before
