"""Airflow connections reach real servers: a warehouse and an SFTP server with a host key."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from syncline.errors import ConfigurationError, PartnerUnavailable, WarehouseUnavailable
from syncline.runtime.environment import connection_json
from syncline_airflow import connections

DsnOf = Callable[[str], str]


class Partner:
    """An SFTP server in a thread of its own; ``login`` is let in with ``key``."""

    def __init__(self, folder: Path) -> None:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncssh.SSHAcceptor:
        keys = asyncssh.import_authorized_keys(self.key.export_public_key().decode())
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.host_key],
            authorized_client_keys=keys,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self._folder)),
        )

    def connection(self, host_key: asyncssh.SSHKey | None = None) -> str:
        published = (host_key or self.host_key).export_public_key().decode().split()
        extra = {"private_key": self.key.export_private_key("openssh").decode(), "host_key": " ".join(published[:2])}
        value = {"conn_type": "sftp", "host": "127.0.0.1", "port": self.port, "login": "acme", "extra": extra}
        return json.dumps(value)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self.server.close)
        asyncio.run_coroutine_threadsafe(self.server.wait_closed(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    (tmp_path / "inbox").mkdir()
    running = Partner(tmp_path)
    yield running
    running.close()


def test_a_warehouse_role_works_as_itself(warehouse_dsn: DsnOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_LOADER", connection_json(warehouse_dsn("loader")))
    with connections.warehouse("loader") as loader:
        assert loader.autocommit
        assert loader.execute("select current_user, current_setting('timezone')").fetchone() == (
            "syncline_loader",
            "UTC",
        )


def test_a_warehouse_that_is_down_is_retryable_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_LOADER", connection_json("postgresql://u:hidden@127.0.0.1:9/syncline"))
    with (
        pytest.raises(WarehouseUnavailable, match=r"127\.0\.0\.1:9/syncline") as caught,
        connections.warehouse("loader"),
    ):
        pytest.fail("connected to nothing")
    assert "hidden" not in str(caught.value)


def test_an_unknown_connection_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_NOBODY"):
        connections.connection("nobody")


def test_sftp_opens_one_session(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ACME_3PL", partner.connection())
    with connections.sftp("acme_3pl") as client:
        assert client.listdir(".") == ["inbox"]
        client.rename("inbox", "archive")
        assert client.listdir(".") == ["archive"]


def test_another_host_key_is_refused_for_good(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    impostor = asyncssh.generate_private_key("ssh-ed25519")
    monkeypatch.setenv("AIRFLOW_CONN_ACME_3PL", partner.connection(host_key=impostor))
    with pytest.raises(ConfigurationError, match="BadHostKey"), connections.sftp("acme_3pl"):
        pytest.fail("an impostor was believed")


def test_a_server_that_is_gone_is_retryable(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    value = json.loads(partner.connection()) | {"port": 9}
    monkeypatch.setenv("AIRFLOW_CONN_ACME_3PL", json.dumps(value))
    with pytest.raises(PartnerUnavailable), connections.sftp("acme_3pl"):
        pytest.fail("connected to nothing")
