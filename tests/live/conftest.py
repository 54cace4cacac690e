"""A whole installation that runs as `syncline up` runs it: Postgres, twin, API server, DAG processor, scheduler.

These tests take minutes: `make chaos` runs them, `make test` does not. Every file has a world and a day of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.live.installation import Live
from tests.live.on_call import OnCall
from tests.live.wire import Wires

from syncline.errors import Interrupted
from syncline.runtime import partners, processes
from syncline.runtime.installation import prepare
from syncline.runtime.world import running
from syncline.warehouse.connect import connect_dsn


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    """Ctrl-C ends the whole run: the supervisor makes an exception of it, which would fail one test and go on."""
    if call.excinfo is not None and call.excinfo.errisinstance(Interrupted):
        pytest.exit("interrupted", returncode=pytest.ExitCode.INTERRUPTED)


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A state home that is set up; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="syncline-live-"))
    try:
        prepare(folder, print)
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def live(home: Path, request: pytest.FixtureRequest) -> Iterator[Live]:
    """The world of this file; its day is the constant ``DAY`` of the file."""
    day: partners.Day = request.module.DAY
    heard: list[str] = []

    def hear(line: str) -> None:
        heard.append(line)
        print(f"         {line}", flush=True)

    print(f"\n{request.module.__name__}: {day}", flush=True)
    with closing(Wires()) as wires, running(home, hear, day=day, wiring=wires.through) as world:
        installation = world.installation
        assert world.partners is not None
        with (
            closing(OnCall(installation.address, installation.credentials.airflow_admin)) as on_call,
            connect_dsn(installation.server.dsn(installation.warehouse), name="live") as warehouse,
            connect_dsn(installation.server.dsn(f"{installation.warehouse}_twin"), name="live") as books,
        ):
            yield Live(world, day, world.partners, on_call, warehouse, books, wires, heard)
    assert processes.stop_leftovers(home) == []
