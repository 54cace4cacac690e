"""
### Tell loops

Tells customer service, billing, the shop, purchasing and the warehouse what loops came to: a short pick and its
substitute, a short or over receipt, a transfer of which something is missing, what was set aside. Each thing becomes
one event of `ops.events`, which the `deliver_<subscriber>` DAGs send. Skipped when there is nothing new.

**When red:** a build did not end (look at `resolve`), or the warehouse is down. Stock numbers and corrections are not
touched. Clearing is safe any number of times: what was told is known by its loop, notice and number.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from syncline_airflow import resolving
from syncline_airflow.schedules import DBT_POOL, dag_defaults, every
from syncline_airflow.tags import Tag

CLOCK_S = 60
TIMEOUT = timedelta(minutes=5)


@dag(
    description="Tell what closed loops came to",
    schedule=every(CLOCK_S),
    doc_md=__doc__,
    **dag_defaults(Tag.REPORT, Tag.STOPS_REPORTS, timeout=TIMEOUT),
)
def tell_loops() -> None:
    @task(pool=DBT_POOL)
    def tell() -> dict[str, int]:
        return resolving.tell_loops()

    tell()


tell_loops()
