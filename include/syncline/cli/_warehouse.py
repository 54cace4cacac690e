"""The warehouse a command works on: the ``AIRFLOW_CONN_WAREHOUSE_*`` variables, else this checkout's installation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from syncline.home import state_home


@contextmanager
def warehouse_dsn(role: str) -> Iterator[str]:
    """DSN of ``role`` (owner, loader, transformer, publisher, bi); an embedded server runs for the block."""
    from syncline.connections import connection

    name = f"warehouse_{role}"
    if os.environ.get(f"AIRFLOW_CONN_{name.upper()}"):
        yield connection(name).postgres_dsn()
        return
    from syncline.runtime.installation import open_installation
    from syncline.warehouse.roles import role_name

    with open_installation(state_home().resolve()) as installation:
        server, database = installation.server, installation.warehouse
        if role == "owner":
            yield server.dsn(database)
        else:
            yield server.dsn(database, role_name(role), installation.credentials.roles[role])


@contextmanager
def warehouse(role: str) -> Iterator[psycopg.Connection]:
    """Open connection of ``role``."""
    from syncline.warehouse.connect import connect_dsn

    with warehouse_dsn(role) as dsn, connect_dsn(dsn, name=f"warehouse_{role}") as conn:
        yield conn
