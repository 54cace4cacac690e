"""The twin as a child process: its day, its connections, its status and its truth."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from syncline.runtime import databases
from syncline.runtime.environment import Installation, build
from syncline.runtime.supervisor import Supervisor

READY_S = 60.0
REQUEST_S = 10.0
TRUTH_S = 600.0  # the twin runs the baselines for the answer: minutes after half a million events


@dataclass(frozen=True)
class Day:
    """The simulated day: ``hours`` virtual hours pass at ``rate`` virtual seconds in a real second.

    ``events_per_hour`` are planned for a virtual hour; about half of them are told by a WMS. It begins ``lead_s`` real
    seconds after the twin serves: the scheduler is still loading dbt until then.
    """

    seed: int = 7
    hours: float = 4.0
    rate: float = 120.0
    faults: str = "default"
    lead_s: float = 20.0
    events_per_hour: int = 400
    cases_per_hour: float = 0.0


@dataclass
class Partners:
    """A running twin; ``env`` holds ``AIRFLOW_CONN_*`` of every partner and ``SYNCLINE_CLOCK``."""

    env: dict[str, str]

    def status(self) -> dict[str, Any]:
        """``now``, ``phase``, ``quiet``, ``events``, ``orders`` ... as the twin tells them."""
        return self._get("status", REQUEST_S)

    def truth(self) -> dict[str, Any]:
        """Everything a score needs."""
        return self._get("truth", TRUTH_S)

    def _get(self, what: str, timeout_s: float) -> dict[str, Any]:
        own = json.loads(self.env["AIRFLOW_CONN_TWIN"])
        address = f"http://{own['host']}:{own['port']}/twin/v1/{what}"
        answer = requests.get(address, headers={"Authorization": f"Bearer {own['password']}"}, timeout=timeout_s)
        answer.raise_for_status()
        return dict(answer.json())


def start(supervisor: Supervisor, installation: Installation, day: Day) -> Partners:
    """Start a fresh twin with books of its own and wait until it serves.

    Raises:
        ChildFailed: it ended or took longer than READY_S.
    """
    from syncline.twin.env_file import read_env

    books = f"{installation.warehouse}_twin"
    databases.drop_database(installation.server.owner_dsn, books)
    databases.create_database(installation.server.owner_dsn, books)
    files = installation.home / "twin"
    _empty(files)
    written = installation.home / "run" / "twin.env"
    written.unlink(missing_ok=True)
    command = [str(Path(sys.executable).parent / "syncline"), "twin", "serve"]
    command += ["--env-file", str(written), "--files", str(files), "--seed", str(day.seed)]
    command += ["--hours", str(day.hours), "--rate", str(day.rate), "--faults", day.faults, "--lead-s", str(day.lead_s)]
    command += ["--events-per-hour", str(day.events_per_hour), "--cases-per-hour", str(day.cases_per_hour)]
    # The DSN goes by environment: a command line can be read by everybody on the machine.
    env = build(installation, {"SYNCLINE_TWIN_DSN": installation.server.dsn(books)})
    supervisor.start("twin", command, env)
    supervisor.wait_until(written.exists, "The twin", READY_S)
    return Partners(read_env(written))


def _empty(folder: Path) -> None:
    import shutil

    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
