"""The embedded server: created once, started again, moved to a free port, stopped by the last of its users."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from syncline.errors import WarehouseUnavailable
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn


@pytest.fixture(scope="module")
def created() -> Iterator[Path]:
    """One data directory for the whole module: creating it is the slow part."""
    folder = Path(tempfile.mkdtemp(prefix="syncline-embedded-"))
    try:
        yield folder
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder)


@pytest.fixture
def home(created: Path) -> Path:
    """A state home whose server does not run."""
    embedded.stop(created)
    return created


def answers(server: embedded.Server) -> bool:
    try:
        psycopg.connect(server.dsn(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def test_start_is_idempotent_and_data_survives_a_stop(home: Path) -> None:
    server = embedded.start(home)
    with connect_dsn(server.dsn()) as connection:
        connection.execute("create table kept (n int)")
        assert connection.info.server_version >= 150000
    assert embedded.start(home) == server
    assert embedded.stop(home) is True
    assert embedded.stop(home) is False
    assert not answers(server)
    with connect_dsn(embedded.start(home).dsn()) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_a_port_taken_meanwhile_is_replaced(home: Path) -> None:
    first = embedded.start(home)
    embedded.stop(home)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((first.host, first.port))
        squatter.listen()
        second = embedded.start(home)
        assert second.port != first.port
        assert answers(second)


def test_it_listens_on_loopback_with_a_password_and_keeps_that_private(home: Path) -> None:
    server = embedded.start(home)
    assert stat.S_IMODE((home / "pg" / "server.json").stat().st_mode) == 0o600
    with connect_dsn(server.dsn()) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
    with pytest.raises(WarehouseUnavailable, match="password"):
        connect_dsn(server.dsn().replace(server.password, "wrong"))


def test_the_last_user_stops_it_and_nobody_else(home: Path) -> None:
    with embedded.running(home) as server:
        with embedded.running(home) as same:
            assert same == server
        assert answers(server)
    assert not answers(server)


def test_a_server_started_otherwise_is_left_alone(home: Path) -> None:
    server = embedded.start(home)
    with embedded.running(home):
        pass
    assert answers(server)


def test_what_a_killed_user_left_is_stopped_by_the_next(home: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from syncline.warehouse import embedded\n"
        "with embedded.running(Path(sys.argv[1])):\n    print('up', flush=True); time.sleep(60)"
    )
    user = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    assert user.stdout.readline() == "up\n"
    os.kill(user.pid, signal.SIGKILL)
    user.wait()
    time.sleep(0.2)
    server = embedded.start(home)
    assert answers(server)
    with embedded.running(home):
        pass
    assert not answers(server)
