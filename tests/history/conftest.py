"""Warehouses fed by real landing, and throw-away databases for numbers of the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from tests.databases import throw_away
from tests.rereading.conftest import misread, new_warehouse

from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

__all__ = ["misread", "new_warehouse"]
Scratch = Callable[[], AbstractContextManager[tuple[psycopg.Connection, str, Path]]]


@pytest.fixture
def scratch(server: embedded.Server, role_passwords: dict[str, str], tmp_path: Path) -> Scratch:
    """Makes an empty, migrated database: its owner's connection and DSN, and a folder for dbt."""

    @contextmanager
    def make() -> Iterator[tuple[psycopg.Connection, str, Path]]:
        with throw_away(server) as name, connect_dsn(server.dsn(name)) as owner:
            yield owner, server.dsn(name), tmp_path / "past"

    return make
