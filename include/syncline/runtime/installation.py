"""Bring a state home to the point where ``up`` and ``demo`` can start at once. Every step is idempotent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from syncline.clock import clock_from_env
from syncline.errors import SynclineError, WarehouseUnavailable
from syncline.home import project_root
from syncline.registry import load_registry
from syncline.runtime import databases
from syncline.runtime.credentials import load_or_create, with_environment
from syncline.runtime.environment import Installation, build, write_login
from syncline.runtime.scheduling import create_pools
from syncline.runtime.supervisor import interruptible
from syncline.warehouse.connect import connect_dsn

Say = Callable[[str], None]
BLANK = "_blank"  # a migrated Airflow database that nobody uses: the demo copies it in a fraction of a second
STEP_TIMEOUT_S = 300


@contextmanager
def open_installation(home: Path) -> Iterator[Installation]:
    """The everyday installation (databases ``syncline`` and ``airflow``); its server runs for the time of the block."""
    with databases.place(home) as server:
        yield Installation(
            home=home,
            server=server,
            warehouse=server.warehouse,
            airflow=server.airflow,
            credentials=with_environment(load_or_create(home)),
            port=0,
        )


def prepare(home: Path, say: Say) -> None:
    """Everything ``syncline setup`` does.

    Raises:
        WarehouseUnavailable: the server cannot be started or reached.
        SynclineError: a tool failed; the message ends with its last words.
    """
    with interruptible(), open_installation(home) as installation:
        revision = databases.prepare_warehouse(installation.server, installation.warehouse, installation.credentials)
        say(f"warehouse {installation.warehouse!r} is at revision {revision}")
        apply_configuration(installation)
        say("configuration of dbt_project/seeds is applied")
        prepare_airflow(installation)
        say(f"Airflow {version('apache-airflow-core')} database {installation.airflow!r} is ready")


def apply_configuration(installation: Installation) -> None:
    """Write the seeds into the versioned tables; an unchanged file adds no version."""
    from syncline.config import apply, read_folder

    dsn = installation.server.dsn(installation.warehouse)
    with connect_dsn(dsn, name="warehouse_owner") as owner:
        seeds = read_folder(project_root() / "dbt_project" / "seeds")
        apply(owner, seeds, clock_from_env().now(), "setup")


def prepare_airflow(installation: Installation) -> None:
    """Migrate Airflow's metadata, once for each Airflow version, and create the pools of the registry."""
    server, name = installation.server, installation.airflow
    write_login(installation)
    databases.prepare_airflow_role(server, installation.credentials)
    stamp = installation.airflow_home / f"{name}.migrated"
    current = version("apache-airflow-core")
    is_new = databases.create_database(server.owner_dsn, name, owner=databases.AIRFLOW_ROLE)
    blank_is_there = not databases.create_database(server.owner_dsn, name + BLANK, owner=databases.AIRFLOW_ROLE)
    if is_new or not blank_is_there or not stamp.exists() or stamp.read_text(encoding="utf-8") != current:
        run_tool(replace(installation, airflow=name + BLANK), "airflow", "db", "migrate")
        if is_new:
            databases.drop_database(server.owner_dsn, name)
            copy_blank(installation)
        else:
            run_tool(installation, "airflow", "db", "migrate")
        stamp.write_text(current, encoding="utf-8")
    with connect_dsn(server.dsn(name), name="airflow") as metadata:
        create_pools(metadata, load_registry())


def copy_blank(installation: Installation) -> None:
    """Create the (absent) database ``installation.airflow`` from the migrated blank one."""
    server = installation.server
    created = databases.create_database(
        server.owner_dsn, installation.airflow, template=server.airflow + BLANK, owner=databases.AIRFLOW_ROLE
    )
    if not created:
        raise WarehouseUnavailable(
            f"Database {installation.airflow!r} is still there.", next_step="Run the command again."
        )


def run_tool(installation: Installation, tool: str, *arguments: str) -> str:
    """Run a tool of this virtual environment to its end; its whole output goes to ``logs/setup.log``.

    Raises:
        SynclineError: it failed or took longer than STEP_TIMEOUT_S real seconds.
    """
    log = installation.home / "logs" / "setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # One Installation has port 0 until a server is started; tools that only use the database need none.
    command = [str(Path(sys.executable).parent / tool), *arguments]
    try:
        done = subprocess.run(
            command,
            env=build(installation),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SynclineError(f"`{tool} {arguments[0]}` took longer than {STEP_TIMEOUT_S} s.") from None
    with log.open("a", encoding="utf-8") as file:
        file.write(f"--- {tool} {' '.join(arguments)}\n{done.stdout}\n")
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise SynclineError(
            f"`{tool} {' '.join(arguments[:2])}` failed: {lines[-1] if lines else 'no output'}",
            next_step=f"Read {log}.",
        )
    return done.stdout
