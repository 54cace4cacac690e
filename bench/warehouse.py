"""A throw-away Postgres for a measurement: own folder, own server, migrated databases, gone at the end.

python -m bench.warehouse FOLDER       # run the server that `--keep FOLDER` left, until Ctrl-C; prints the DSN
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from syncline.errors import Interrupted
from syncline.runtime.credentials import Credentials
from syncline.runtime.supervisor import interruptible
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.migrate import migrate
from syncline.warehouse.roles import give_logins, role_name


@dataclass(frozen=True)
class Bench:
    """A running server in ``home``; ``credentials`` are of this run alone; ``is_kept``: the folder outlives the run."""

    home: Path
    server: embedded.Server
    credentials: Credentials
    is_kept: bool = False

    def dsn(self, database: str, role: str = "owner") -> str:
        if role == "owner":
            return self.server.dsn(database)
        password = self.credentials.roles[role]
        return f"postgresql://{role_name(role)}:{password}@{self.server.host}:{self.server.port}/{database}"

    @contextmanager
    def database(self, name: str, template: str = "") -> Iterator[str]:
        """A migrated database (or a copy of ``template``) for the time of a block."""
        self.create(name, template)
        try:
            yield name
        finally:
            self.drop(name)

    def create(self, name: str, template: str = "") -> None:
        with connect_dsn(self.server.dsn(), name="bench") as admin:
            statement = sql.SQL("create database {}").format(sql.Identifier(name))
            if template:
                statement += sql.SQL(" template {}").format(sql.Identifier(template))
            admin.execute(statement)
        if not template:
            migrate(self.server.dsn(name))
        with connect_dsn(self.server.dsn(name), name="bench") as owner:
            give_logins(owner, self.credentials.roles)

    def has(self, name: str) -> bool:
        with connect_dsn(self.server.dsn(), name="bench") as admin:
            return admin.execute("select from pg_database where datname = %s", [name]).fetchone() is not None

    def drop(self, name: str) -> None:
        with connect_dsn(self.server.dsn(), name="bench") as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def connect(self, database: str, role: str = "owner") -> Iterator[psycopg.Connection]:
        with connect_dsn(self.dsn(database, role), name=f"bench {role}") as conn:
            yield conn


@contextmanager
def throw_away(keep: Path | None = None) -> Iterator[Bench]:
    """A server in a temporary folder, which is also SYNCLINE_HOME for the block; ``keep``: use and keep this one."""
    home = keep.resolve() if keep else Path(tempfile.mkdtemp(prefix="syncline-bench-"))
    before = os.environ.get("SYNCLINE_HOME")
    os.environ["SYNCLINE_HOME"] = str(home)
    try:
        # Stopped by a signal it still stops the server and takes its folder along.
        with interruptible():
            yield Bench(home, embedded.start(home), Credentials(), keep is not None)
    finally:
        embedded.stop(home)
        if before is None:
            del os.environ["SYNCLINE_HOME"]
        else:
            os.environ["SYNCLINE_HOME"] = before
        if keep is None:
            shutil.rmtree(home)


def told_by_the_floor(warehouse: psycopg.Connection, fact_id: str = "floor", *, source: str = "floor_wms") -> None:
    """A fact of a warehouse, once, for corrections that must follow one."""
    if warehouse.execute("select from raw.facts where fact_id = %s", (fact_id,)).fetchone() is not None:
        return
    warehouse.execute(
        "insert into raw.facts (fact_id, load_id, document_id, position, source, feed, reading, received_at, kind, "
        "item_ref, location_ref, status_ref, quantity, recorded, line_key, event_key) values (%s, 0, 'told-by-floor', "
        "'1', %s, 'api', 'test', '2026-11-01T00:00Z', 'balance', 'X', 'X', 'on_hand', '1', '2026-11-01', "
        "'l', 'e')",
        (fact_id, source),
    )


if __name__ == "__main__":
    with suppress(Interrupted), throw_away(Path(sys.argv[1])) as kept:
        print(kept.dsn("bench"), flush=True)
        signal.pause()
