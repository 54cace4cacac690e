"""Assets, schedules and defaults shared by all DAGs.

An asset event is a hint, the clock is the promise: every run drains whatever is pending, so a lost or merged
event costs seconds, never data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, DeltaTriggerTimetable

from syncline.registry import DBT_POOL
from syncline_airflow.callbacks import log_failure, log_retry
from syncline_airflow.retries import RETRIES, RETRY_DELAY, RETRY_DELAY_MAX_S, retry_policy
from syncline_airflow.tags import Tag

__all__ = [
    "DBT_POOL",
    "OUTBOX",
    "RAW_LOADS",
    "READINGS",
    "RECONCILED",
    "asset_or_every",
    "dag_defaults",
    "every",
    "nightly",
]

RAW_LOADS = Asset("syncline://raw/loads")
OUTBOX = Asset("syncline://ops/outbox")
READINGS = Asset("syncline://ops/readings")
RECONCILED = Asset("syncline://ops/reconciliations")

OWNER = "syncline"


def every(seconds: int) -> DeltaTriggerTimetable:
    return DeltaTriggerTimetable(timedelta(seconds=seconds))


def nightly(hour: int) -> CronTriggerTimetable:
    """Every day at ``hour``, UTC."""
    return CronTriggerTimetable(f"0 {hour} * * *", timezone="UTC")


def asset_or_every(assets: Sequence[Asset], seconds: int) -> AssetOrTimeSchedule:
    """When any of ``assets`` changes, and in any case every so many real seconds."""
    return AssetOrTimeSchedule(timetable=every(seconds), assets=AssetAny(*assets))


def dag_defaults(*tags: Tag, timeout: timedelta) -> dict[str, Any]:
    """Arguments every DAG shares. One run at a time: two would drain the same work.

    Args:
        timeout: of one try of a task. The run gets the time of all its tries: a run that ends before them is red
            over a task that is only *skipped*, and nobody sees why.
    """
    longest_wait = timedelta(seconds=RETRY_DELAY_MAX_S)
    return {
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": (RETRIES + 1) * (timeout + longest_wait),
        "tags": [str(tag) for tag in tags],
        "default_args": {
            "owner": OWNER,
            "retries": RETRIES,
            "retry_delay": RETRY_DELAY,
            "retry_policy": retry_policy(),
            "execution_timeout": timeout,
            "on_failure_callback": log_failure,
            "on_retry_callback": log_retry,
        },
    }
