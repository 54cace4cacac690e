"""The databases of an installation: the warehouse, Airflow's metadata, and throw-away copies for the demo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from syncline.errors import ConfigurationError
from syncline.runtime.credentials import Credentials
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.migrate import migrate
from syncline.warehouse.roles import give_logins

AIRFLOW_ROLE = "syncline_airflow"
SERVER_VERSION_MIN = 150000


@dataclass(frozen=True)
class Place:
    """A Postgres server as its owner sees it. ``owner_dsn`` names the warehouse database."""

    owner_dsn: str
    is_embedded: bool

    @property
    def warehouse(self) -> str:
        return urlsplit(self.owner_dsn).path.lstrip("/")

    @property
    def airflow(self) -> str:
        return "airflow" if self.is_embedded else f"{self.warehouse}_airflow"

    @property
    def demo(self) -> str:
        return f"{self.warehouse}_demo"

    def dsn(self, database: str, login: str = "", password: str = "") -> str:
        """DSN of another database of the server, as the owner or as ``login``."""
        parts = urlsplit(self.owner_dsn)
        if login:
            port = f":{parts.port}" if parts.port else ""
            parts = parts._replace(netloc=f"{quote(login, safe='')}:{quote(password, safe='')}@{parts.hostname}{port}")
        return urlunsplit(parts._replace(path=f"/{database}"))


@contextmanager
def place(home: Path) -> Iterator[Place]:
    """The server to work on: ``SYNCLINE_DSN``, else the embedded one, which runs for the time of the block.

    Raises:
        ConfigurationError: SYNCLINE_DSN is no postgresql URL with a database, or its server is older than 15.
        WarehouseUnavailable: the server does not answer or does not start.
    """
    dsn = os.environ.get("SYNCLINE_DSN", "")
    if not dsn:
        with embedded.running(home) as server:
            create_database(server.dsn(), "syncline")
            yield Place(server.dsn("syncline"), is_embedded=True)
        return
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/") or not parts.hostname:
        raise ConfigurationError(
            "SYNCLINE_DSN is not a Postgres URL with host and database.",
            next_step="Write postgresql://<owner>:<password>@<host>:<port>/<database>.",
        )
    with connect_dsn(dsn, name="SYNCLINE_DSN") as connection:
        version = connection.info.server_version
    if version < SERVER_VERSION_MIN:
        raise ConfigurationError(
            f"The server of SYNCLINE_DSN is version {version // 10000}.", next_step="Use PostgreSQL 15 or newer."
        )
    yield Place(urlunsplit(parts._replace(scheme="postgresql")), is_embedded=False)


def create_database(admin_dsn: str, name: str, *, template: str = "", owner: str = "") -> bool:
    """Create a database on the server of ``admin_dsn``; False when it is there already."""
    with connect_dsn(admin_dsn, name="warehouse_owner") as admin:
        if admin.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            return False
        statement = sql.SQL("create database {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" template {}").format(sql.Identifier(template))
        if owner:
            statement += sql.SQL(" owner {}").format(sql.Identifier(owner))
        try:
            admin.execute(statement)
        except psycopg.errors.DuplicateDatabase:
            return False  # another set-up was faster
        return True


def drop_database(admin_dsn: str, name: str) -> None:
    """Drop a database with everybody in it; nothing happens when it is not there."""
    with connect_dsn(admin_dsn, name="warehouse_owner") as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def throw_away(home: Path, purpose: str) -> Iterator[tuple[str, psycopg.Connection]]:
    """An empty, migrated warehouse on the server of ``home`` for the time of a block: the owner's DSN, a connection."""
    with place(home) as server:
        name = f"syncline_{purpose}_{os.getpid()}"
        drop_database(server.owner_dsn, name)
        create_database(server.owner_dsn, name)
        try:
            dsn = server.dsn(name)
            migrate(dsn)
            with connect_dsn(dsn, name=purpose) as conn:
                yield dsn, conn
        finally:
            drop_database(server.owner_dsn, name)


def prepare_warehouse(server: Place, database: str, credentials: Credentials) -> str:
    """Create, migrate and open ``database`` for the four roles; return its revision. Idempotent."""
    create_database(server.owner_dsn, database)
    revision = migrate(server.dsn(database))
    with connect_dsn(server.dsn(database), name="warehouse_owner") as owner:
        give_logins(owner, credentials.roles)
    return revision


def prepare_airflow_role(server: Place, credentials: Credentials) -> None:
    """Airflow's metadata has a login of its own: Airflow cannot read the warehouse with it."""
    with connect_dsn(server.owner_dsn, name="warehouse_owner") as owner:
        role = sql.Identifier(AIRFLOW_ROLE)
        if not owner.execute("select 1 from pg_roles where rolname = %s", [AIRFLOW_ROLE]).fetchone():
            owner.execute(sql.SQL("create role {} login").format(role))
        verifier = owner.pgconn.encrypt_password(
            credentials.airflow_database.encode(), AIRFLOW_ROLE.encode(), b"scram-sha-256"
        ).decode()
        owner.execute(sql.SQL("alter role {} login password {}").format(role, sql.Literal(verifier)))
        owner.execute(sql.SQL("grant {} to current_user").format(role))
