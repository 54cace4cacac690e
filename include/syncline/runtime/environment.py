"""The environment of every child process: Airflow's settings, the connections, telemetry off.

Children get what they need to run from the parent's environment and everything else from here; nothing of the
caller's own ``AIRFLOW__*`` settings leaks in by accident, but what the caller sets as ``AIRFLOW_CONN_*`` wins:
that is how real partners are connected.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from syncline.home import project_root
from syncline.registry import lanes, load_registry
from syncline.runtime.credentials import ADMIN, Credentials, write_private
from syncline.runtime.databases import AIRFLOW_ROLE, Place
from syncline.warehouse.roles import ROLES, role_name

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
}


@dataclass(frozen=True)
class Installation:
    """Which databases, which folder, which port: enough to derive the environment."""

    home: Path
    server: Place
    warehouse: str
    airflow: str
    credentials: Credentials
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"


def build(installation: Installation, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of the Airflow components, the twin and every tool that works on ``installation``.

    Args:
        extra: more variables (the twin's connections, the virtual clock); they win over everything else.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    environment = {
        **warehouse_connections(installation),
        **inherited,
        **TELEMETRY_OFF,
        **airflow_settings(installation),
        "SYNCLINE_HOME": str(installation.home),
        "SYNCLINE_ROOT": str(project_root()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
        **(extra or {}),
    }
    environment.pop("SYNCLINE_DSN", None)  # the owner's DSN is for set-up, not for children
    return environment


def warehouse_connections(installation: Installation) -> dict[str, str]:
    """``AIRFLOW_CONN_WAREHOUSE_<ROLE>`` of the four roles and of the owner, as JSON."""
    server, database = installation.server, installation.warehouse
    dsns = {role: server.dsn(database, role_name(role), installation.credentials.roles[role]) for role in ROLES}
    dsns["owner"] = server.dsn(database)
    return {f"AIRFLOW_CONN_WAREHOUSE_{role.upper()}": connection_json(dsn) for role, dsn in dsns.items()}


def connection_json(dsn: str) -> str:
    """Airflow's JSON form of a ``postgresql://`` DSN."""
    parts = urlsplit(dsn)
    value = {
        "conn_type": "postgres",
        "host": parts.hostname,
        "port": parts.port or 5432,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "schema": parts.path.lstrip("/"),
    }
    return json.dumps(value)


def airflow_settings(installation: Installation) -> dict[str, str]:
    """``AIRFLOW__*`` and AIRFLOW_HOME. Everything binds to 127.0.0.1; nothing is left to airflow.cfg."""
    root, home, credentials = project_root(), installation.airflow_home, installation.credentials
    metadata = installation.server.dsn(installation.airflow, AIRFLOW_ROLE, credentials.airflow_database)
    sections: dict[str, dict[str, object]] = {
        "CORE": {
            "EXECUTOR": "LocalExecutor",
            "PARALLELISM": lanes(load_registry()),
            "MAX_ACTIVE_RUNS_PER_DAG": 1,
            "DAGS_FOLDER": root / "dags",
            "PLUGINS_FOLDER": root / "plugins",
            "LOAD_EXAMPLES": False,
            "DAGS_ARE_PAUSED_AT_CREATION": False,
            "FERNET_KEY": credentials.fernet_key,
            "EXECUTION_API_SERVER_URL": f"{installation.address}/execution/",
            "SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        },
        "DATABASE": {
            "SQL_ALCHEMY_CONN": metadata.replace("postgresql://", "postgresql+psycopg2://", 1),
            # Airflow would derive asyncpg, which nothing else here needs.
            "SQL_ALCHEMY_CONN_ASYNC": metadata.replace("postgresql://", "postgresql+psycopg://", 1),
        },
        "API": {
            "HOST": "127.0.0.1",
            "PORT": installation.port,
            "BASE_URL": installation.address,
            "WORKERS": 1,
            "SECRET_KEY": credentials.api_secret_key,
            "EXPOSE_CONFIG": False,
        },
        "API_AUTH": {"JWT_SECRET": credentials.jwt_secret},
        # A task's slot is free one poll after its end; the default is 5 s. A task outlives a restarted API server:
        # its process is stopped after so many heartbeats in a row that nobody took, the default is 3.
        "WORKERS": {"MIN_HEARTBEAT_INTERVAL": 1, "MAX_FAILED_HEARTBEATS": 20},
        "SCHEDULER": {
            "SCHEDULER_HEARTBEAT_SEC": 1,
            "ENABLE_HEALTH_CHECK": False,
            "MAX_DAGRUNS_TO_CREATE_PER_LOOP": 20,
            # A killed worker: the process beside each task sends a heartbeat every second however slow the task is,
            # so a minute of silence is a death (default 300 s).
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT": 60,
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5,
            # A killed scheduler: the next one takes its tasks over once the dead one is silent for so long (the
            # default), and looks for such tasks every 10 s (default 300 s, five minutes of nothing).
            "SCHEDULER_HEALTH_CHECK_THRESHOLD": 30,
            "ORPHANED_TASKS_CHECK_INTERVAL": 10,
        },
        "DAG_PROCESSOR": {"MIN_FILE_PROCESS_INTERVAL": 300, "REFRESH_INTERVAL": 300, "PARSING_PROCESSES": 1},
        "LOGGING": {"BASE_LOG_FOLDER": installation.home / "logs" / "airflow", "LOGGING_LEVEL": "INFO"},
        "USAGE_DATA_COLLECTION": {"ENABLED": False},
    }
    settings = {
        f"AIRFLOW__{section}__{name}": str(value) for section, part in sections.items() for name, value in part.items()
    }
    return {**settings, "AIRFLOW_HOME": str(home)}


def write_login(installation: Installation) -> None:
    """The simple auth manager reads its passwords from a file; missing ones it would invent and print."""
    passwords = json.dumps({ADMIN: installation.credentials.airflow_admin})
    write_private(installation.airflow_home / "passwords.json", passwords)
