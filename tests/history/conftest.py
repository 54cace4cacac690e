"""Warehouses fed by real landing, and throw-away databases for numbers of the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.rereading.conftest import misread, new_warehouse

from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

__all__ = ["misread", "new_warehouse"]
# One name, so that dbt parses the project once for all questions.
NAME = "syncline_past"
Scratch = Callable[[], AbstractContextManager[tuple[psycopg.Connection, str, Path]]]


@pytest.fixture
def scratch(server: embedded.Server, role_passwords: dict[str, str], tmp_path: Path) -> Scratch:
    """Makes an empty, migrated database: its owner's connection and DSN, and a folder for dbt."""

    @contextmanager
    def make() -> Iterator[tuple[psycopg.Connection, str, Path]]:
        with connect_dsn(server.dsn()) as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(NAME)))
            admin.execute(sql.SQL("create database {} template syncline_template").format(sql.Identifier(NAME)))
        with connect_dsn(server.dsn(NAME)) as owner:
            yield owner, server.dsn(NAME), tmp_path / "past"
        with connect_dsn(server.dsn()) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(NAME)))

    return make
