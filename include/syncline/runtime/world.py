"""A whole Syncline on this machine: databases, twin, Airflow. ``up`` keeps it, ``demo`` watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from syncline.errors import ConfigurationError
from syncline.registry import load_registry
from syncline.runtime import databases, partners, processes
from syncline.runtime.airflow import Airflow, free_port
from syncline.runtime.environment import Installation, write_login
from syncline.runtime.installation import BLANK, apply_configuration, copy_blank, open_installation
from syncline.runtime.supervisor import Supervisor

Say = Callable[[str], None]
Wiring = Callable[[Mapping[str, str]], Mapping[str, str]]


@dataclass(frozen=True)
class World:
    """What is running."""

    installation: Installation
    airflow: Airflow
    supervisor: Supervisor
    partners: partners.Partners | None

    def tend(self) -> None:
        """To be called every second or so: bring back who died or stands still; ChildFailed when that is no use."""
        self.airflow.tend()


@contextmanager
def running(
    home: Path, say: Say, *, port: int = 0, day: partners.Day | None = None, wiring: Wiring = dict
) -> Iterator[World]:
    """Start everything, yield it, stop everything.

    Args:
        port: of Airflow's API and UI; 0 is any free one.
        day: run the twin in databases of its own, made anew; None: the everyday databases and real partners, whose
            ``AIRFLOW_CONN_*`` are in the environment.
        wiring: from the twin's environment to the one of the tasks, for who puts something between them.

    Raises:
        ConfigurationError: already running here, or the port is taken.
        ChildFailed: a component did not start; names its log.
    """
    with processes.exclusive(home):
        left = processes.stop_leftovers(home)
        if left:
            say(f"stopped what an earlier run left: {', '.join(left)}")
        with Supervisor(home, say=say) as supervisor, open_installation(home) as everyday:
            installation = replace(everyday, port=port or free_port())
            require_set_up(installation)
            if day is not None:
                say("fresh databases for a fresh day")
                installation = fresh(installation)
            write_login(installation)
            try:
                yield _start(installation, supervisor, say, day, wiring)
            finally:
                say("stopping")
                # Before the server goes: what runs holds connections to it.
                supervisor.stop()


def _start(
    installation: Installation, supervisor: Supervisor, say: Say, day: partners.Day | None, wiring: Wiring
) -> World:
    airflow = Airflow(installation, supervisor)
    say("starting Airflow")
    airflow.start_server()
    airflow.wait_for_dags(dag_ids())
    airflow.ensure_pools()
    twin = None
    if day is not None:
        # Only now: its clock starts with it.
        say("starting the twin")
        twin = partners.start(supervisor, installation, day)
    airflow.start_scheduler(wiring(twin.env) if twin else {})
    return World(installation, airflow, supervisor, twin)


def fresh(everyday: Installation) -> Installation:
    """The demo's databases, dropped and made anew; the everyday ones are not touched."""
    server = everyday.server
    installation = replace(everyday, warehouse=server.demo, airflow=f"{server.demo}_airflow")
    for database in (installation.warehouse, installation.airflow):
        databases.drop_database(server.owner_dsn, database)
    databases.prepare_warehouse(server, installation.warehouse, installation.credentials)
    apply_configuration(installation)
    copy_blank(installation)
    return installation


def dag_ids() -> set[str]:
    """Ids of all DAGs: the registry's and the fixed ones."""
    registry = load_registry()
    ingests = {f"ingest_{source.name}" for source in registry.sources if source.enabled}
    pushes = {f"push_{target.name}" for target in registry.targets if target.enabled}
    return ingests | pushes | {"resolve", "release_held", "marts", "tell_loops", "reconcile", "audit", "compensate"}


def require_set_up(installation: Installation) -> None:
    """Raise a ConfigurationError when ``syncline setup`` has not run here."""
    from syncline.warehouse.connect import connect_dsn

    with connect_dsn(installation.server.owner_dsn, name="warehouse_owner") as owner:
        blank = installation.server.airflow + BLANK
        if owner.execute("select 1 from pg_database where datname = %s", [blank]).fetchone() is None:
            raise ConfigurationError(
                "Syncline is not set up here.", next_step="Run `make setup` (or `syncline setup`)."
            )
