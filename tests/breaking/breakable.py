"""A real Postgres of its own that a test may kill, stop in the middle of a statement, and start again."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import psutil
import psycopg
from psycopg import sql

from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.migrate import migrate
from syncline.warehouse.roles import ROLES, give_logins, role_name

PATIENCE_S = 60.0
GATE = 7_249_999  # advisory lock that holds a paused statement
Found = TypeVar("Found")

# ``steps`` counts what fires a trigger; at step ``at`` the statement waits for whoever holds GATE.
PAUSE = f"""
create sequence public.steps;
create table public.pause (at bigint not null);
insert into public.pause values (0);
create function public.step() returns void language plpgsql security definer set search_path = pg_catalog as $$
begin
  if nextval('public.steps') = (select at from public.pause) then
    perform pg_advisory_lock({GATE});
    perform pg_advisory_unlock({GATE});
  end if;
end $$;
create function public.row_step() returns trigger language plpgsql as $$
begin perform public.step(); return new; end $$;
create function public.ddl_step() returns event_trigger language plpgsql as $$
begin perform public.step(); end $$;
"""
AT_ROW = "create trigger paused before insert on {table} for each row execute function public.row_step()"
AT_COMMIT = (
    "create constraint trigger paused after insert on {table} deferrable initially deferred"
    " for each row execute function public.row_step()"
)
AT_DDL = "create event trigger paused on ddl_command_end execute function public.ddl_step()"


def eventually(look: Callable[[], Found | None], what: str) -> Found:
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S:.0f} s"
        time.sleep(0.02)
    return found


class Running(Thread):
    """A call in the background and what it raised; Interrupted and the like are not expected here."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._call()
        except Exception as error:  # noqa: BLE001 - handed to the test, which looks at it
            self.error = error

    def raised(self) -> Exception | None:
        self.join(PATIENCE_S)
        assert not self.is_alive(), "the call hangs"
        return self.error


@dataclass
class Breakable:
    """An embedded server under ``home`` with a migrated template; ``start`` again after any way of breaking it."""

    home: Path
    server: embedded.Server
    passwords: dict[str, str]

    @classmethod
    def made(cls, home: Path) -> Breakable:
        server = embedded.start(home)
        with connect_dsn(server.dsn()) as admin:
            admin.execute("create database template")
        migrate(server.dsn("template"))
        passwords = {role: secrets.token_urlsafe(16) for role in ROLES}
        with connect_dsn(server.dsn("template")) as owner:
            give_logins(owner, passwords)
            owner.execute(PAUSE)
        return cls(home, server, passwords)

    def dsn(self, role: str, database: str) -> str:
        if role == "owner":
            return self.server.dsn(database)
        return f"postgresql://{role_name(role)}:{self.passwords[role]}@127.0.0.1:{self.server.port}/{database}"

    def copy(self, database: str, template: str = "template") -> None:
        """A database made anew from another."""
        with connect_dsn(self.server.dsn()) as admin:
            name, source = sql.Identifier(database), sql.Identifier(template)
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            admin.execute(sql.SQL("create database {} template {}").format(name, source))

    @contextmanager
    def paused(self, database: str, trigger: str, at: int) -> Any:
        """Statements of a call stop at step ``at``; yields a function that waits for it and gives the backend's pid."""
        with connect_dsn(self.server.dsn(database), name="pause") as gate:
            gate.execute("select pg_advisory_lock(%s)", [GATE])
            gate.execute(trigger)
            gate.execute("select setval('public.steps', 1, false)")
            gate.execute("update public.pause set at = %s", [at])

            def waiting() -> int | None:
                row = gate.execute(
                    "select l.pid from pg_locks l where l.locktype = 'advisory' and l.objid = %s and not l.granted"
                    " and l.database = (select oid from pg_database where datname = current_database())",
                    [GATE],
                ).fetchone()
                return row and int(row[0])

            yield lambda: eventually(waiting, f"step {at} of {trigger!r}")

    def unpaused(self, database: str) -> None:
        """Take the pause away; also after a crash, which may have lost it already."""
        with connect_dsn(self.server.dsn(database)) as owner:
            owner.execute("drop event trigger if exists paused")
            tables = owner.execute(
                "select tgrelid::regclass::text from pg_trigger where tgname = 'paused' and tgparentid = 0"
            ).fetchall()
            for (table,) in tables:
                owner.execute(f"drop trigger paused on {table}")

    def steps(self, database: str) -> int:
        """How many steps there were since the pause was set."""
        with connect_dsn(self.server.dsn(database)) as owner:
            row = owner.execute("select last_value from public.steps").fetchone()
        assert row is not None
        return int(row[0])

    # Ways to break it ------------------------------------------------------------------------------------------

    def kill_backend(self, pid: int) -> None:
        """As the out-of-memory killer does; the server ends every other session and recovers by itself."""
        os.kill(pid, signal.SIGKILL)

    def stop_at_once(self, _: int) -> None:
        """Immediate shutdown: no session is asked, nothing is flushed."""
        process = self._postmaster()
        process.send_signal(signal.SIGQUIT)
        eventually(lambda: not psutil.pid_exists(process.pid) or process.status() == "zombie", "the server ends")

    def kill_everything(self, _: int) -> None:
        """Every process of the server at once, as when the machine loses power."""
        process = self._postmaster()
        every = [process, *process.children(recursive=True)]
        for each in every:
            each.kill()
        psutil.wait_procs(every, timeout=PATIENCE_S)

    def up(self) -> None:
        """Running and taking connections again, whether it recovers by itself or must be started."""
        self.server = embedded.start(self.home)

        def answers() -> bool:
            try:
                psycopg.connect(self.server.dsn("template1"), connect_timeout=5).close()
            except psycopg.OperationalError:
                return False
            return True

        eventually(answers, "the server takes connections again")

    def _postmaster(self) -> psutil.Process:
        pid = int((self.server.data / "postmaster.pid").read_text().splitlines()[0])
        return psutil.Process(pid)
