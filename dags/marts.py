"""
### Marts

Builds the reporting models (variances, dispositions, sync health) that BI tools read with the role `syncline_bi`.

**When red:** dashboards are stale; stock numbers and corrections are not touched. Clearing is safe.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from syncline_airflow import resolving
from syncline_airflow.schedules import DBT_POOL, RECONCILED, asset_or_every, dag_defaults
from syncline_airflow.tags import Tag

CLOCK_S = 900
TIMEOUT = timedelta(minutes=15)


@dag(
    description="Build the reporting models",
    schedule=asset_or_every([RECONCILED], CLOCK_S),
    doc_md=__doc__,
    **dag_defaults(Tag.REPORT, Tag.STOPS_REPORTS, timeout=TIMEOUT),
)
def marts() -> None:
    @task(pool=DBT_POOL)
    def build() -> None:
        resolving.build_marts()

    build()


marts()
