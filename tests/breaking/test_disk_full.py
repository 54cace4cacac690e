"""The warehouse runs out of disk: retryable, nothing lost, and once there is room the same state as without it."""

from __future__ import annotations

import random
import shutil
import string
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.breaking import flow
from tests.breaking.shortage import WAYS, Shortage
from tests.sources.wms_api.loopback_wms import WmsServer

from syncline.errors import WarehouseUnavailable
from syncline.warehouse.connect import connect_dsn

SEED = 7
EVENTS = 100
NOTE_CHARS = 300_000  # of noise in each event: 30 MB of pages, more than there is room for
ROOM_BYTES = 12_000_000
BUILD_ROOM_BYTES = 700_000  # a session can begin, a build cannot end
DATABASE = "full"


@pytest.fixture(scope="module", params=list(WAYS))
def shortage(request: pytest.FixtureRequest) -> Iterator[Shortage]:
    folder = Path(tempfile.mkdtemp(prefix="syncline-full-"))
    try:
        with WAYS[request.param](folder) as made:
            yield made
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def wms() -> Iterator[WmsServer]:
    partner = WmsServer()
    rng = random.Random(SEED)
    noise = string.ascii_letters + string.digits + "+/"
    partner.events = [
        each | {"note": "".join(rng.choices(noise, k=NOTE_CHARS)) if number > 20 else ""}
        for number, each in enumerate(flow.day(EVENTS))
    ]
    yield partner
    partner.close()


def test_full_while_a_load_is_written(shortage: Shortage, wms: WmsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "SOURCE", flow.SOURCE.model_copy(update={"page_limit": 30}))
    server = shortage.server
    server.copy("undisturbed")
    flow.pull(server, "undisturbed", wms)
    wanted = flow.state(server, "undisturbed", flow.RAW)
    server.copy(DATABASE)
    shortage.begin(DATABASE, ROOM_BYTES)
    try:
        with pytest.raises(WarehouseUnavailable, match="refused to land a load of dc1_wms") as caught:
            flow.pull(server, DATABASE, wms)
        assert "free its disk" in caught.value.next_step
        # As the retries of the task find it: still no room, or a server that cannot start without.
        with pytest.raises(WarehouseUnavailable):
            flow.pull(server, DATABASE, wms)
    finally:
        shortage.end()
    # Loads that were closed before stand, whole; nothing of the one that did not fit is there.
    landed = flow.state(server, DATABASE, flow.RAW)
    assert len(landed["facts"]) < len(wanted["facts"])
    assert set(landed["facts"]) <= set(wanted["facts"])
    with connect_dsn(server.dsn("owner", DATABASE)) as owner:
        assert owner.execute(
            "select coalesce(sum(facts), 0) = (select count(*) from raw.facts) from raw.loads"
        ).fetchone() == (True,)
    flow.pull(server, DATABASE, wms)
    assert flow.state(server, DATABASE, flow.RAW) == wanted


def test_full_while_dbt_builds(shortage: Shortage, tmp_path: Path) -> None:
    server = shortage.server
    later = flow.NOW.replace(minute=30)
    partner = WmsServer()
    partner.events = flow.day(250)
    server.copy(DATABASE)
    flow.configure(server, DATABASE)
    flow.pull(server, DATABASE, partner)
    flow.resolve_once(server, DATABASE, tmp_path)
    flow.release_batch(server, DATABASE)
    partner.events = flow.day(500)
    flow.pull(server, DATABASE, partner, later)
    partner.close()
    server.copy("half", DATABASE)
    flow.resolve_once(server, DATABASE, tmp_path, later)
    wanted = flow.hashes(server, DATABASE)
    others = flow.state(server, DATABASE, flow.RAW | flow.RESOLVED)

    server.copy(DATABASE, "half")
    shortage.begin(DATABASE, BUILD_ROOM_BYTES)
    try:
        with pytest.raises(WarehouseUnavailable) as caught:
            flow.resolve_once(server, DATABASE, tmp_path, later)
        assert "free its disk" in caught.value.next_step
    finally:
        shortage.end()
    with connect_dsn(server.dsn("owner", DATABASE)) as owner:
        assert owner.execute("select count(*) from ops.batches where state = 'built'").fetchone() == (0,)
    flow.resolve_once(server, DATABASE, tmp_path, later)
    assert flow.hashes(server, DATABASE) == wanted
    assert flow.state(server, DATABASE, flow.RAW | flow.RESOLVED) == others
