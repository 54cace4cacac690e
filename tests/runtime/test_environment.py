"""What children see: our settings, the caller's partners, no telemetry, and no secret where it does not belong."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from syncline.errors import ConfigurationError
from syncline.runtime.airflow import free_port, require_free
from syncline.runtime.credentials import Credentials, load_or_create, with_environment
from syncline.runtime.databases import Place
from syncline.runtime.environment import Installation, build, connection_json


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    server = Place("postgresql://postgres:s%2Fcret@127.0.0.1:5555/syncline", is_embedded=True)
    return Installation(tmp_path, server, "syncline", "airflow", Credentials(), 8099)


def test_every_role_has_its_own_login(installation: Installation) -> None:
    env = build(installation)
    logins = {
        role: json.loads(env[f"AIRFLOW_CONN_WAREHOUSE_{role.upper()}"])
        for role in ("owner", "loader", "transformer", "publisher", "bi")
    }
    assert logins["owner"]["login"] == "postgres"
    assert logins["owner"]["password"] == "s/cret"
    assert {role: login["login"] for role, login in logins.items() if role != "owner"} == {
        role: f"syncline_{role}" for role in ("loader", "transformer", "publisher", "bi")
    }
    assert len({login["password"] for login in logins.values()}) == 5
    assert all(login["schema"] == "syncline" and login["port"] == 5555 for login in logins.values())


def test_airflow_is_local_and_told_everything(installation: Installation) -> None:
    env = build(installation)
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8099/execution/"
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert env["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"
    assert len(env["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    # Airflow's login to its own database is not one of the warehouse.
    assert "syncline_airflow:" in env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://")
    assert env["DO_NOT_TRACK"] == "1"


def test_the_caller_brings_partners_but_no_airflow_settings(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "http://erp.example")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "SequentialExecutor")
    monkeypatch.setenv("SYNCLINE_DSN", "postgresql://owner:secret@elsewhere/db")
    env = build(installation, {"SYNCLINE_CLOCK": "system"})
    assert env["AIRFLOW_CONN_ERP"] == "http://erp.example"
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert env["SYNCLINE_CLOCK"] == "system"
    assert "SYNCLINE_DSN" not in env


def test_credentials_are_made_once_and_private(tmp_path: Path) -> None:
    first = load_or_create(tmp_path)
    assert load_or_create(tmp_path) == first
    path = tmp_path / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(secret in repr(first) for secret in json.loads(path.read_text())["roles"].values())


def test_broken_credentials_are_reported_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("{")
    with pytest.raises(ConfigurationError, match=r"credentials\.json cannot be read"):
        load_or_create(tmp_path)
    assert path.read_text() == "{"


def test_a_given_password_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    given = connection_json("postgresql://syncline_bi:given@db:5432/syncline")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", given)
    credentials = with_environment(Credentials())
    assert credentials.roles["bi"] == "given"
    assert credentials.roles["loader"] != "given"


def test_a_taken_port_is_one_clear_line() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} of 127.0.0.1 is taken"):
            require_free(port)
    require_free(free_port())
