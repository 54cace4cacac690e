"""``syncline sources`` runs the same flow as the DAGs, over real loopback servers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from loopback_sftp import SftpServer
from loopback_wms import WmsServer, event
from typer.testing import CliRunner

from syncline.cli.sources import app
from syncline.errors import ConfigurationError

REGISTRY = """
sources:
  - {name: dc1_wms, kind: wms_api, site: DC1, retries: 0, timeout_s: 2}
  - {name: acme_3pl, kind: sftp_edi, timeout_s: 5}
targets: []
"""


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> CliRunner:
    path = tmp_path / "registry.yml"
    path.write_text(REGISTRY)
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(path))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_LOADER", warehouse_dsn("loader"))
    monkeypatch.setenv("SYNCLINE_CLOCK", f"virtual:2026-11-02T12:00:00+00:00/{time.time()}/1")
    return CliRunner()


def connect(monkeypatch: pytest.MonkeyPatch, name: str, **values: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"host": "127.0.0.1"} | values))


def test_list_shows_every_source(command: CliRunner) -> None:
    shown = command.invoke(app, ["list"])
    assert shown.exit_code == 0
    assert "dc1_wms" in shown.output
    assert "acme_3pl" in shown.output


def test_pull_and_check_an_api(command: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    server = WmsServer()
    try:
        server.events = [event(1), event(2)]
        connect(monkeypatch, "dc1_wms", conn_type="http", port=server.port, password="secret-token")
        assert "2 events on the first page" in command.invoke(app, ["check", "dc1_wms"]).output
        summary = json.loads(command.invoke(app, ["pull", "dc1_wms", "--json"]).output)
        assert (summary["facts"], summary["faults"], summary["is_complete"]) == (2, 0, True)
        assert "nothing new" in command.invoke(app, ["pull", "dc1_wms"]).output
        command.invoke(app, ["pull", "dc1_wms", "--since", "2026-11-01T00:00:00"])
        assert server.requests[-1]["posted_from"] == "2026-11-01T00:00:00.000000Z"
    finally:
        server.close()


def test_pull_and_check_a_file_drop(command: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "drop" / "inbox").mkdir(parents=True)
    file = tmp_path / "drop" / "inbox" / "a.edi"
    file.write_bytes(b"not EDI")
    os.utime(file, (time.time() - 100,) * 2)
    partner = SftpServer(tmp_path / "drop")
    try:
        extra = {"host_key": partner.public_host_key(), "private_key": partner.private_key()}
        connect(monkeypatch, "acme_3pl", conn_type="sftp", port=partner.port, login="partner", extra=extra)
        assert "1 files wait in inbox" in command.invoke(app, ["check", "acme_3pl"]).output
        summary = json.loads(command.invoke(app, ["pull", "acme_3pl", "--json"]).output)
        assert (summary["facts"], summary["faults"], summary["documents"]) == (0, 1, 1)
        refused = command.invoke(app, ["pull", "acme_3pl", "--since", "2026-11-01T00:00:00"])
        assert isinstance(refused.exception, ConfigurationError)
    finally:
        partner.close()


def test_check_tells_every_failure_and_exits_1(command: CliRunner) -> None:
    checked = command.invoke(app, ["check"])
    assert checked.exit_code == 1
    assert checked.output.count("FAILED") == 2
    assert "AIRFLOW_CONN_ACME_3PL" in checked.output


def test_an_unknown_source_lists_the_known_ones(command: CliRunner) -> None:
    refused = command.invoke(app, ["pull", "nobody"])
    assert isinstance(refused.exception, ConfigurationError)
    assert "dc1_wms, acme_3pl" in str(refused.exception)
