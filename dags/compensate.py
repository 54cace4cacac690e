"""
### Compensate

Answers by rule what evidence decides: a partner's number that was proven wrong, books that stand alone against floor
and us, the rest of a transfer that never came. Every rule ships as a dry run, has limits, and what it did can be taken
back. What a rule may not do alone is a question under **Required Actions**.

| task | does | when red |
|---|---|---|
| `run` | answers and proposes; skipped when no rule answers anything, or before `marts` ran | Postgres is down |
| `land` | lands what was written off | Postgres is down |
| `find`, `ask` | put what waits to a person, record who decided and why | no answer for a week |

Clearing any task is safe: a run that is cleared spends its own limits, and a compensation is made once. Nothing else
stops when it is red. From the command line: `syncline compensate`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task

from syncline.registry import QUESTIONS_POOL
from syncline_airflow import compensating
from syncline_airflow.schedules import dag_defaults, every
from syncline_airflow.tags import Tag

CLOCK_S = 300
TIMEOUT = timedelta(minutes=5)
# As release_held: a run waits for its answers, and later ones go on beside it.
RUNS_MAX = 16
DEFAULTS = dag_defaults(Tag.RELEASE, Tag.STOPS_HELD, timeout=TIMEOUT) | {
    "max_active_runs": RUNS_MAX,
    "dagrun_timeout": timedelta(days=35),
}


@dag(
    description="Answer by rule what evidence decides, and ask about the rest",
    schedule=every(CLOCK_S),
    doc_md=__doc__,
    **DEFAULTS,
)
def compensate() -> None:
    @task(pool=QUESTIONS_POOL)
    def run() -> dict[str, Any]:
        return compensating.run_rules(str(get_current_context()["run_id"]))

    @task(pool=QUESTIONS_POOL)
    def land() -> int:
        return compensating.land_write_offs()

    @task(pool=QUESTIONS_POOL)
    def find() -> list[str]:
        context = get_current_context()
        return compensating.ask_about_waiting(str(context["run_id"]), context["dag_run"].run_type == "manual")

    run() >> land()
    # Not after `run`: what waits since before is asked about also where nothing new is answered.
    compensating.CompensationQuestion.partial(task_id="ask", pool=QUESTIONS_POOL).expand(name=find())


compensate()
