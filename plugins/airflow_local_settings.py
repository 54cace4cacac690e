"""Imported by every Airflow process at start; preloads only where SYNCLINE_PRELOAD is set: in our scheduler.

`import dbt` and `import great_expectations` cost about six CPU seconds, in every single `build` and `gate` task.
LocalExecutor forks its workers from the scheduler, and each task from a worker, so what the scheduler has imported
costs the tasks nothing. The dbt project is parsed here too (a build takes half the time): a task that finds other
project files parses for itself, so a changed model needs no restart. Of our own code only `syncline.resolve` is loaded
by that. No connection and no thread is left open. With other executors leave the variable unset; the
tasks then import and parse for themselves.
"""

from __future__ import annotations

import importlib
import os

# Airflow ends a task's process without cleaning up, so Python reports dbt's locks as leaked, as an error in the log of
# every green build. Python's tracker of such things reads this variable and frees them all the same.
os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")

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
    from syncline.connections import connection
    from syncline.resolve import dbt

    dbt.warm(connection("warehouse_transformer").postgres_dsn())
