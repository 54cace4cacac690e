"""Databases of an installation on a real server."""

from __future__ import annotations

import psycopg
import pytest

from syncline.errors import ConfigurationError
from syncline.runtime import databases
from syncline.runtime.credentials import Credentials
from syncline.runtime.databases import Place
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.embedded import Server


@pytest.fixture
def place(server: Server) -> Place:
    return Place(server.dsn("postgres"), is_embedded=True)


def test_a_warehouse_is_prepared_twice_and_its_roles_can_log_in(place: Place, role_passwords: dict[str, str]) -> None:
    # The session's passwords: roles belong to the server that all tests share.
    credentials = Credentials(roles=role_passwords)
    try:
        first = databases.prepare_warehouse(place, "prepared", credentials)
        assert databases.prepare_warehouse(place, "prepared", credentials) == first
        dsn = place.dsn("prepared", "syncline_loader", role_passwords["loader"])
        with connect_dsn(dsn) as loader:
            assert loader.execute("select count(*) from raw.loads").fetchone() == (0,)
    finally:
        databases.drop_database(place.owner_dsn, "prepared")


def test_databases_come_and_go(place: Place) -> None:
    assert databases.create_database(place.owner_dsn, "odd name; --") is True
    assert databases.create_database(place.owner_dsn, "odd name; --") is False
    with psycopg.connect(place.owner_dsn) as admin:
        names = {row[0] for row in admin.execute("select datname from pg_database")}
    assert "odd name; --" in names
    databases.drop_database(place.owner_dsn, "odd name; --")
    databases.drop_database(place.owner_dsn, "odd name; --")


def test_airflows_role_cannot_read_the_warehouse(place: Place, database: str) -> None:
    credentials = Credentials()
    databases.prepare_airflow_role(place, credentials)
    databases.prepare_airflow_role(place, credentials)
    dsn = place.dsn(database, databases.AIRFLOW_ROLE, credentials.airflow_database)
    with connect_dsn(dsn) as airflow, pytest.raises(psycopg.errors.InsufficientPrivilege):
        airflow.execute("select * from raw.loads")


@pytest.mark.parametrize("dsn", ["mysql://u:secret@h/db", "postgresql://u:secret@h:5432/", "host=h dbname=d"])
def test_a_wrong_dsn_is_refused_without_repeating_it(tmp_path, monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("SYNCLINE_DSN", dsn)
    with pytest.raises(ConfigurationError) as caught, databases.place(tmp_path):
        pytest.fail("a wrong DSN was taken")
    assert "SYNCLINE_DSN" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_external_server_is_used_as_it_is(server: Server, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_DSN", server.dsn("postgres"))
    with databases.place(tmp_path) as place:
        assert place.warehouse == "postgres"
        assert place.airflow == "postgres_airflow"
        assert not place.is_embedded
    assert not (tmp_path / "pg").exists()
