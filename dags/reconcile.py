"""
### Reconcile

Nightly, and whenever somebody starts it, for every warehouse or for one (`location`): the whole book of each WMS and of
the ERP is read as of one instant, proven to be whole, and what it says otherwise becomes facts that `resolve` decides.

| task | does | when red |
|---|---|---|
| `plan` | one run for each warehouse, with its as-of | the warehouse (Postgres) is down |
| `pull` | reads every book of it; proves it or stores it as unproven | a login is refused, or no book answers |
| `compare` | three ways with canonical at one as-of; skipped when a newer run was first | Postgres is down |
| `promote` | lands as facts what proven states say otherwise; skipped when nothing differs | Postgres is down |

A state that is not whole zeroes nothing: it opens the exception `snapshot.unproven`. Clearing any task is safe, in any
order, any number of times: a run keeps its as-of, and the same state is landed once. Nothing else stops when it is red.
From the command line: `syncline reconcile run`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task, task_group

from syncline.registry import RECONCILE_POOL
from syncline_airflow import reconcile as reconciling
from syncline_airflow.schedules import RAW_LOADS, RECONCILED, dag_defaults, nightly
from syncline_airflow.tags import Tag

HOUR_UTC = 2
TIMEOUT = timedelta(minutes=15)


@dag(
    description="Prove every warehouse's numbers by full states",
    schedule=nightly(HOUR_UTC),
    doc_md=__doc__,
    params={"location": Param("", type="string", maxLength=40, description="One warehouse; empty: all of them.")},
    **dag_defaults(Tag.RECONCILE, Tag.STOPS_NOTHING, timeout=TIMEOUT),
)
def reconcile() -> None:
    @task(pool=RECONCILE_POOL)
    def plan() -> list[int]:
        context = get_current_context()
        return reconciling.plan(str(context["run_id"]), str(context["params"]["location"]))

    @task(pool=RECONCILE_POOL)
    def pull(run: int) -> int:
        return reconciling.pull(run, worker=str(get_current_context()["run_id"]))

    @task(pool=RECONCILE_POOL, outlets=[RECONCILED])
    def compare(run: int) -> int:
        return reconciling.compare(run, worker=str(get_current_context()["run_id"]))

    @task(pool=RECONCILE_POOL, outlets=[RAW_LOADS])
    def promote(run: int) -> dict[str, int]:
        return reconciling.promote(run, worker=str(get_current_context()["run_id"]))

    @task_group
    def warehouse(run: int) -> None:
        promote(compare(pull(run)))

    warehouse.expand(run=plan())


reconcile()
