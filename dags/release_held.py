"""
### Release held

Asks a person about each tripped circuit breaker that waits for one: *Approve* lets go what it holds, *Reject* denies
it. The questions are under **Required Actions**. A question holds no worker slot, no pool and no other run: `resolve`,
the pushes and later questions go on. Silent sources are not asked about: they recover by themselves.

| task | does | when red |
|---|---|---|
| `find` | takes the open trips that no other run asks about; skipped when there is none | the warehouse is down |
| `ask` | puts the question, records who decided what and why | nobody answered for a week, or the warehouse is down |

Clearing any task is safe: a decision is taken once. A run started by hand asks about every open trip. The same from
the command line: `syncline outbox breakers`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

from syncline.registry import QUESTIONS_POOL
from syncline_airflow.approval import BreakerQuestion, ask_about
from syncline_airflow.schedules import dag_defaults, every
from syncline_airflow.tags import Tag

CLOCK_S = 60
TIMEOUT = timedelta(minutes=2)
# Each waiting run asks about at least one trip; there are never that many at once. Their tasks share a pool of one
# slot, which a question that waits for its answer does not hold: so many runs never take the slots of the lane.
RUNS_MAX = 32
DEFAULTS = dag_defaults(Tag.RELEASE, Tag.STOPS_HELD, timeout=TIMEOUT) | {
    "max_active_runs": RUNS_MAX,
    "dagrun_timeout": timedelta(days=35),
}


@dag(
    description="Ask a person about tripped circuit breakers",
    schedule=every(CLOCK_S),
    doc_md=__doc__,
    **DEFAULTS,
)
def release_held() -> None:
    @task(pool=QUESTIONS_POOL)
    def find() -> list[int]:
        context = get_current_context()
        return ask_about(str(context["run_id"]), context["dag_run"].run_type == "manual")

    BreakerQuestion.partial(task_id="ask", pool=QUESTIONS_POOL).expand(trip_id=find())


release_held()
