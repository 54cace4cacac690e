"""A database for one question: migrated, empty, gone with the answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from syncline.home import state_home


@dataclass(frozen=True)
class Scratch:
    """``conn`` and ``dsn`` are the owner's; ``folder`` is for the files of dbt."""

    conn: psycopg.Connection
    dsn: str
    folder: Path


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A throw-away database on the server of this installation, which runs for the time of the block."""
    from syncline.runtime.databases import throw_away

    with (
        throw_away(state_home().resolve(), "scratch") as (dsn, conn),
        tempfile.TemporaryDirectory(prefix="syncline-dbt-") as folder,
    ):
        yield Scratch(conn, dsn, Path(folder))
