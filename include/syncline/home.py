"""Where things are: the project's root (dbt project, expectations, dags) and the state folder."""

from __future__ import annotations

import os
from pathlib import Path


def project_root() -> Path:
    """Folder with ``dbt_project``, ``expectations`` and ``dags``: ``SYNCLINE_ROOT``, else the checkout."""
    return Path(os.environ.get("SYNCLINE_ROOT") or Path(__file__).resolve().parents[2])


def state_home() -> Path:
    """Folder of what runs here (embedded Postgres, logs, Airflow): ``SYNCLINE_HOME``, else ``.syncline``."""
    return Path(os.environ.get("SYNCLINE_HOME") or project_root() / ".syncline")
