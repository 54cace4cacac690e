"""Shared fixtures: a real Postgres for the session, a migrated throw-away database for each test that asks."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

ROOT = Path(__file__).parents[1]
# Before anything imports Airflow: it reads these once, and would otherwise write into the user's home.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="syncline-airflow-"))
os.environ.update(
    AIRFLOW_HOME=str(AIRFLOW_HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    DO_NOT_TRACK="1",
    GX_ANALYTICS_ENABLED="false",
)
for inherited in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[inherited]
for inherited in ("SYNCLINE_DSN", "SYNCLINE_CLOCK"):
    os.environ.pop(inherited, None)

from tests.databases import TEMPLATE, make_candidates, throw_away  # noqa: E402

from syncline.warehouse import embedded  # noqa: E402
from syncline.warehouse.connect import connect_dsn  # noqa: E402
from syncline.warehouse.migrate import migrate  # noqa: E402
from syncline.warehouse.roles import ROLES, give_logins, role_name  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    # Not in pyproject.toml: pytest would import Airflow to find the class, before the environment above is set.
    config.addinivalue_line("filterwarnings", "error::airflow.exceptions.RemovedInAirflow4Warning")


def pytest_sessionfinish() -> None:
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[embedded.Server]:
    """An embedded Postgres of this session, in a state home of its own (also in ``SYNCLINE_HOME``)."""
    home = Path(tempfile.mkdtemp(prefix="syncline-test-"))
    before = os.environ.get("SYNCLINE_HOME")
    os.environ["SYNCLINE_HOME"] = str(home)
    try:
        started = embedded.start(home)
        with connect_dsn(started.dsn()) as admin:  # what is lost with the machine is not missed
            for off in ("fsync", "full_page_writes"):
                admin.execute(f"alter system set {off} = off".encode())
            admin.execute("select pg_reload_conf()")
        yield started
    finally:
        embedded.stop(home)
        if before is None:
            del os.environ["SYNCLINE_HOME"]
        else:
            os.environ["SYNCLINE_HOME"] = before
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def role_passwords(server: embedded.Server) -> dict[str, str]:
    """Migrate the template database once and let the four roles log in; role -> password."""
    with connect_dsn(server.dsn()) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    migrate(server.dsn(TEMPLATE))
    passwords = {role: secrets.token_urlsafe(16) for role in ROLES}
    with connect_dsn(server.dsn(TEMPLATE)) as owner:
        give_logins(owner, passwords)
    return passwords


@pytest.fixture
def database(server: embedded.Server, role_passwords: dict[str, str]) -> Iterator[str]:
    """Name of a migrated database that lives for one test."""
    with throw_away(server) as name:
        yield name


@pytest.fixture
def warehouse(server: embedded.Server, database: str) -> Iterator[psycopg.Connection]:
    """Owner connection (autocommit) to a migrated throw-away database."""
    with connect_dsn(server.dsn(database), name="owner") as connection:
        yield connection


@pytest.fixture
def warehouse_dsn(server: embedded.Server, database: str, role_passwords: dict[str, str]) -> Callable[[str], str]:
    """``warehouse_dsn("loader")`` -> DSN of that role (or ``"owner"``) in the database of ``warehouse``."""

    def dsn(role: str) -> str:
        if role == "owner":
            return server.dsn(database)
        return f"postgresql://{role_name(role)}:{role_passwords[role]}@{server.host}:{server.port}/{database}"

    return dsn


@pytest.fixture
def candidates(warehouse: psycopg.Connection) -> None:
    """``canonical.candidate_corrections``, empty, and a fact that they follow."""
    make_candidates(warehouse)
