"""Imported by every Airflow process at start; does something only where SYNCLINE_PRELOAD is set: in our scheduler.

`import dbt` and `import great_expectations` cost about six CPU seconds, in every single `build` and `gate` task.
LocalExecutor forks its workers from the scheduler, and each task from a worker, so what the scheduler has imported
costs the tasks nothing. Other people's modules only: a change of our own code needs no restart. And modules only,
before the first fork: no connection, no thread, no file is opened here. With other executors leave the variable
unset; the tasks then import for themselves.
"""

from __future__ import annotations

import importlib
import os

PRELOADED = (
    "psycopg",
    "requests",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "great_expectations",
    "great_expectations.expectations",
    "airflow.providers.sftp.hooks.sftp",
    "airflow.providers.standard.operators.python",
)

if os.environ.get("SYNCLINE_PRELOAD") == "1":
    for name in PRELOADED:
        importlib.import_module(name)
