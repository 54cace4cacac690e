"""Warehouses to compare, and the loopback partners that stand beside the tests of the sources."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "sources"
sys.path[:0] = [str(SOURCES / folder) for folder in ("wms_api", "sftp_edi")] + [str(Path(__file__).parent)]

from network import Warehouse  # noqa: E402
from tests.databases import throw_away  # noqa: E402

from syncline.edi import PROFILES, Profile  # noqa: E402
from syncline.warehouse import embedded  # noqa: E402
from syncline.warehouse.roles import role_name  # noqa: E402

_numbers = itertools.count(1)


@contextmanager
def warehouses(
    server: embedded.Server, role_passwords: dict[str, str], folder: Path
) -> Iterator[Callable[[], Warehouse]]:
    """Makes migrated warehouses with the demo network's rules, each with an SFTP drop of its own in ``folder``."""
    with ExitStack() as stack:

        def make() -> Warehouse:
            name = stack.enter_context(throw_away(server))
            dsns = {
                role: f"postgresql://{role_name(role)}:{password}@{server.host}:{server.port}/{name}"
                for role, password in role_passwords.items()
            }
            return stack.enter_context(Warehouse(server.dsn(name), dsns, folder / name, folder / "dbt"))

        yield make


@pytest.fixture
def new_warehouse(
    server: embedded.Server, role_passwords: dict[str, str], tmp_path: Path
) -> Iterator[Callable[[], Warehouse]]:
    """``warehouses`` of one test."""
    with warehouses(server, role_passwords, tmp_path) as make:
        yield make


@pytest.fixture
def misread(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Adds a partner profile to those there are, as data; returns its name."""

    def add(**choices: object) -> str:
        name = f"misread_{next(_numbers)}"
        monkeypatch.setitem(PROFILES, name, Profile(name, **choices))
        return name

    return add
