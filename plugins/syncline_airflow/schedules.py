"""Assets, schedules and defaults shared by all DAGs.

An asset event is a hint, the clock is the promise: every run drains whatever is pending, so a lost or merged
event costs seconds, never data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, DeltaTriggerTimetable

from syncline_airflow.callbacks import log_failure
from syncline_airflow.retries import RETRIES, RETRY_DELAY, retry_policy
from syncline_airflow.tags import Tag

RAW_LOADS = Asset("syncline://raw/loads")
OUTBOX = Asset("syncline://ops/outbox")
READINGS = Asset("syncline://ops/readings")

DBT_POOL = "dbt_write"
OWNER = "syncline"


def every(seconds: int) -> DeltaTriggerTimetable:
    return DeltaTriggerTimetable(timedelta(seconds=seconds))


def asset_or_every(assets: Sequence[Asset], seconds: int) -> AssetOrTimeSchedule:
    """When any of ``assets`` changes, and in any case every so many real seconds."""
    return AssetOrTimeSchedule(timetable=every(seconds), assets=AssetAny(*assets))


def dag_defaults(*tags: Tag, timeout: timedelta) -> dict[str, Any]:
    """Arguments every DAG shares. One run at a time: two would drain the same work.

    Args:
        timeout: of a task; the run gets twice that, so that one retry fits.
    """
    return {
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": 2 * timeout,
        "tags": [str(tag) for tag in tags],
        "default_args": {
            "owner": OWNER,
            "retries": RETRIES,
            "retry_delay": RETRY_DELAY,
            "retry_policy": retry_policy(),
            "execution_timeout": timeout,
            "on_failure_callback": log_failure,
        },
    }
