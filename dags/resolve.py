"""
### Resolve

Takes every closed, unresolved load into one batch, decides with dbt, lets Great Expectations judge the candidate
corrections, and releases them to the outbox in one transaction. Skipped when nothing is pending.

| task | does | when red |
|---|---|---|
| `open_batch` | opens a batch, or returns the unfinished one | the warehouse is down |
| `build` | one in-process `dbt build` | read the failing model in the log; fix, clear |
| `gate` | Great Expectations on the candidates | the batch is *held*: nothing was released; see `ops.gate_results` |
| `release` | outbox rows and watermark, one transaction | the warehouse is down |

Clearing any task is safe, in any order, any number of times.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from syncline_airflow import resolving
from syncline_airflow.schedules import DBT_POOL, OUTBOX, RAW_LOADS, READINGS, asset_or_every, dag_defaults
from syncline_airflow.tags import Tag

CLOCK_S = 15
TIMEOUT = timedelta(minutes=10)


@dag(
    description="Decide one batch and release its corrections",
    schedule=asset_or_every([RAW_LOADS, READINGS], CLOCK_S),
    doc_md=__doc__,
    **dag_defaults(Tag.RESOLVE, Tag.STOPS_EVERYTHING, timeout=TIMEOUT),
)
def resolve() -> None:
    @task
    def open_batch() -> int:
        return resolving.open_batch()

    @task(pool=DBT_POOL)
    def build(batch_id: int) -> int:
        return resolving.build(batch_id)

    @task
    def gate(batch_id: int) -> int:
        return resolving.gate(batch_id)

    @task(outlets=[OUTBOX])
    def release(batch_id: int) -> dict[str, int]:
        return resolving.release(batch_id)

    release(gate(build(open_batch())))


resolve()
