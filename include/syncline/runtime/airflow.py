"""Airflow's components on this machine: start them in the right order, know when they work, trigger one run."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from syncline.errors import ConfigurationError, RetryableError, SynclineError
from syncline.registry import load_registry, pools
from syncline.runtime.credentials import ADMIN
from syncline.runtime.environment import Installation, build
from syncline.runtime.scheduling import SILENT_MAX_S, create_pools, standstill
from syncline.runtime.supervisor import Restarts, Supervisor
from syncline.warehouse.connect import connect_dsn

READY_S = 120.0
REQUEST_S = 10.0
# Loaded by the scheduler before it forks its workers; see plugins/airflow_local_settings.py.
PRELOAD = "SYNCLINE_PRELOAD"
SCHEDULER = "airflow-scheduler"
LOOK_EVERY_S = 10.0


@dataclass
class Airflow:
    """The three components of ``installation``; nothing else is needed (no task defers, so no triggerer)."""

    installation: Installation
    supervisor: Supervisor
    _pools: set[str] = field(default_factory=set)
    _next_look_s: float = 0.0

    def start_server(self) -> None:
        """API server and DAG processor: what can start before the partners' addresses are known.

        Raises:
            ConfigurationError: the port is taken.
            ChildFailed: a component ended or took longer than READY_S.
        """
        require_free(self.installation.port)
        env = build(self.installation)
        self.supervisor.start("airflow-api-server", self._command("api-server"), env, Restarts())
        self.supervisor.start("airflow-dag-processor", self._command("dag-processor"), env, Restarts())

    def start_scheduler(self, extra: Mapping[str, str]) -> None:
        """Scheduler with its workers. Tasks see ``extra``: connections of the partners, the clock."""
        env = build(self.installation, {**extra, PRELOAD: "1"})
        self.supervisor.start(SCHEDULER, self._command("scheduler", "--skip-serve-logs"), env, Restarts())

    def tend(self) -> None:
        """Bring back a component that died, and the scheduler when it stands still; create a new partner's pool.

        To be called every second or so.

        Raises:
            ChildFailed: a component ended that cannot be brought back.
        """
        self.supervisor.tend()
        if (now := time.monotonic()) < self._next_look_s:
            return
        self._next_look_s = now + LOOK_EVERY_S
        try:
            with self._metadata() as metadata:
                if self._pools != set(pools(registry := load_registry())):
                    self._pools = create_pools(metadata, registry)
                reason = standstill(metadata)
        except (RetryableError, ConfigurationError) as error:
            self.supervisor.say(f"cannot look after Airflow: {error}")
            return
        # A scheduler that just began still loads dbt.
        if reason and now - self.supervisor.child(SCHEDULER).started_s > SILENT_MAX_S:
            self.supervisor.restart(SCHEDULER, reason)

    def ensure_pools(self) -> None:
        """Create the pools of the registry that are missing."""
        with self._metadata() as metadata:
            self._pools = create_pools(metadata, load_registry())

    def _metadata(self) -> psycopg.Connection:
        return connect_dsn(self.installation.server.dsn(self.installation.airflow), name="airflow")

    def wait_for_dags(self, expected: set[str]) -> None:
        """Until the API answers and every expected DAG is parsed; a DAG file that does not import ends the wait."""
        with self._metadata() as metadata:
            self.supervisor.wait_until(lambda: expected <= _parsed(metadata) and self.answers(), "Airflow", READY_S)

    def answers(self) -> bool:
        """Does the API server answer?"""
        try:
            return requests.get(f"{self.installation.address}/api/v2/version", timeout=REQUEST_S).ok
        except requests.ConnectionError:
            return False

    def trigger(self, dag_id: str) -> str:
        """Start one run; returns its id.

        Raises:
            SynclineError: the API refused.
        """
        answer = requests.post(
            self._runs(dag_id), json={"logical_date": None}, headers=self._login(), timeout=REQUEST_S
        )
        return str(_json(answer)["dag_run_id"])

    def run(self, dag_id: str, timeout_s: float) -> str:
        """Trigger one run and wait for its end; returns its final state.

        Raises:
            SynclineError: the API refused, or the run took longer than ``timeout_s`` real seconds.
        """
        run_id, headers = self.trigger(dag_id), self._login()
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            answer = requests.get(f"{self._runs(dag_id)}/{run_id}", headers=headers, timeout=REQUEST_S)
            if (state := str(_json(answer)["state"])) in ("success", "failed"):
                return state
            time.sleep(0.5)
        raise SynclineError(
            f"{dag_id} did not end within {timeout_s:.0f} s.", next_step="Look at it in the Airflow UI."
        )

    def _runs(self, dag_id: str) -> str:
        return f"{self.installation.address}/api/v2/dags/{dag_id}/dagRuns"

    def _login(self) -> dict[str, str]:
        login = {"username": ADMIN, "password": self.installation.credentials.airflow_admin}
        token = _json(requests.post(f"{self.installation.address}/auth/token", json=login, timeout=REQUEST_S))
        return {"Authorization": f"Bearer {token['access_token']}"}

    def _command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).parent / "airflow"), *arguments]


def require_free(port: int) -> None:
    """Raise a ConfigurationError when somebody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} of 127.0.0.1 is taken ({error.strerror}).", next_step="Choose another one with --port."
            ) from None


def free_port() -> int:
    """A port nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _parsed(metadata: psycopg.Connection) -> set[str]:
    broken = metadata.execute("select filename, stacktrace from import_error limit 1").fetchone()
    if broken:
        last = str(broken[1]).strip().splitlines()[-1]
        raise SynclineError(f"DAG file {broken[0]} does not import: {last}", next_step="Correct it and start again.")
    return {row[0] for row in metadata.execute("select dag_id from dag where not is_stale")}


def _json(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise SynclineError(f"Airflow answered {answer.status_code} to {answer.request.method} {answer.url}.")
    return dict(answer.json())
