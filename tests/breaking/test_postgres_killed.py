"""Postgres dies at a seeded instant of a load or a build: a typed error, nothing half-visible, the same state after."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.breaking import flow
from tests.breaking.breakable import AT_COMMIT, AT_DDL, AT_ROW, Breakable, Running
from tests.sources.wms_api.loopback_wms import WmsServer

from syncline.errors import WarehouseUnavailable
from syncline.resolve.hashes import TABLES
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

SEED = 20_261_102
EVENTS = 250
DATABASE = "broken"  # dbt parses the project anew for every name of a database
WAYS = ["kill_backend", "stop_at_once", "kill_everything"]


@pytest.fixture(scope="module")
def server() -> Iterator[Breakable]:
    home = Path(tempfile.mkdtemp(prefix="syncline-killed-"))
    try:
        yield Breakable.made(home)
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


@pytest.fixture
def wms() -> Iterator[WmsServer]:
    partner = WmsServer()
    partner.events = flow.day(EVENTS)
    yield partner
    partner.close()


@pytest.fixture(scope="module")
def undisturbed_load(server: Breakable) -> dict[str, list[str]]:
    """What a poll leaves when nothing goes wrong."""
    partner = WmsServer()
    partner.events = flow.day(EVENTS)
    server.copy("undisturbed")
    flow.pull(server, "undisturbed", partner)
    partner.close()
    found = flow.state(server, "undisturbed", flow.RAW)
    assert len(found["facts"]) == EVENTS
    return found


def instants() -> list[tuple[str, str, int]]:
    """(way, trigger, step) of every case; each way of dying meets documents, facts and the commit."""
    rng = random.Random(SEED)
    return [
        (way, trigger, step)
        for way in WAYS
        for trigger, step in (
            (AT_ROW.format(table="raw.documents"), rng.randint(1, 3)),
            (AT_ROW.format(table="raw.facts"), rng.randint(1, EVENTS)),
            (AT_COMMIT.format(table="raw.loads"), 1),
        )
    ]


@pytest.mark.parametrize(("way", "trigger", "step"), instants())
def test_killed_while_a_load_is_written(
    server: Breakable, wms: WmsServer, undisturbed_load: dict[str, list[str]], way: str, trigger: str, step: int
) -> None:
    server.copy(DATABASE)
    before = flow.state(server, DATABASE, flow.RAW)
    try:
        with server.paused(DATABASE, trigger, step) as reached:
            poll = Running(lambda: flow.pull(server, DATABASE, wms))
            getattr(server, way)(reached())
    except psycopg.OperationalError:
        pass  # the pause's own session died with the server
    error = poll.raised()
    assert isinstance(error, WarehouseUnavailable), (SEED, error)
    assert error.message.startswith("The warehouse refused to land a load of dc1_wms: ")
    assert "Nothing was written" in error.next_step
    server.up()
    server.unpaused(DATABASE)
    assert flow.state(server, DATABASE, flow.RAW) == before
    flow.pull(server, DATABASE, wms)
    assert flow.state(server, DATABASE, flow.RAW) == undisturbed_load


def test_a_server_that_is_away_or_recovers_is_unavailable(server: Breakable, wms: WmsServer) -> None:
    server.copy(DATABASE)
    server.kill_everything(0)
    with pytest.raises(WarehouseUnavailable, match="refused") as caught:
        flow.pull(server, DATABASE, wms)
    assert "syncline setup" in caught.value.next_step
    assert not any(password in str(caught.value) for password in server.passwords.values())
    server.up()
    assert flow.pull(server, DATABASE, wms).facts == EVENTS


@pytest.fixture(scope="module")
def resolved(server: Breakable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database ``half``: a day resolved once and as much again landed; the folder of dbt."""
    target = tmp_path_factory.mktemp("dbt")
    partner = WmsServer()
    partner.events = flow.day(EVENTS)
    server.copy(DATABASE)
    flow.configure(server, DATABASE)
    flow.pull(server, DATABASE, partner)
    flow.resolve_once(server, DATABASE, target)
    flow.release_batch(server, DATABASE)
    partner.events = flow.day(2 * EVENTS)
    flow.pull(server, DATABASE, partner, flow.NOW.replace(minute=30))
    partner.close()
    server.copy("half", DATABASE)
    return target


LATER = flow.NOW.replace(minute=31)


@pytest.fixture(scope="module")
def undisturbed_build(server: Breakable, resolved: Path) -> tuple[dict[str, str], dict[str, list[str]], int]:
    """Hashes, other state, and number of statements that define something, of a build that nothing disturbs."""
    server.copy(DATABASE, "half")
    with server.paused(DATABASE, AT_DDL, 0):
        flow.resolve_once(server, DATABASE, resolved, LATER)
    steps = server.steps(DATABASE)
    server.unpaused(DATABASE)
    assert steps > 10
    found = flow.hashes(server, DATABASE)
    assert len(found) == len(TABLES)
    return found, flow.state(server, DATABASE, flow.RAW | flow.RESOLVED), steps


@pytest.mark.parametrize(("part", "way"), enumerate(WAYS))
def test_killed_while_dbt_builds(
    server: Breakable,
    resolved: Path,
    undisturbed_build: tuple[dict[str, str], dict[str, list[str]], int],
    part: int,
    way: str,
) -> None:
    """Each way of dying meets another third of the build."""
    hashes, others, steps = undisturbed_build
    step = random.Random(f"{SEED}/{way}").randint(1 + part * steps // len(WAYS), (part + 1) * steps // len(WAYS) - 1)
    server.copy(DATABASE, "half")
    try:
        with server.paused(DATABASE, AT_DDL, step) as reached:
            build = Running(lambda: flow.resolve_once(server, DATABASE, resolved, LATER))
            getattr(server, way)(reached())
    except psycopg.OperationalError:
        pass  # the pause's own session died with the server
    error = build.raised()
    assert isinstance(error, WarehouseUnavailable), (SEED, step, error)
    assert "clear" in error.next_step or "catches up" in error.next_step
    server.up()
    server.unpaused(DATABASE)
    with connect_dsn(server.dsn("owner", DATABASE)) as owner:
        assert owner.execute("select state from ops.batches order by batch_id").fetchall() == [("released",), ("open",)]
        assert owner.execute("select count(*) from ops.outbox").fetchone() == (0,)
    flow.resolve_once(server, DATABASE, resolved, LATER)
    assert flow.hashes(server, DATABASE) == hashes
    assert flow.state(server, DATABASE, flow.RAW | flow.RESOLVED) == others
