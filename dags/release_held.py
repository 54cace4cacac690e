"""
### Release held

Asks a person about each tripped circuit breaker, and about what a target holds for one reason: *Approve* lets it go,
*Reject* ends it. The questions are under **Required Actions**. A question holds no worker slot, no pool and no other
run: `resolve`, the pushes and later questions go on. Silent sources are not asked about: they recover by themselves;
nor is what a person or a pilot keeps back. What may go by itself (a conflict, a negative number) is asked about after
an hour.

| task | does | when red |
|---|---|---|
| `find`, `find_held` | take the questions that no other run asks; skipped when there is none | the warehouse is down |
| `ask`, `ask_held` | put the question, record who decided and why | no answer for a week, or the warehouse is down |

Clearing any task is safe: a decision is taken once. A run started by hand asks every open question. The same from the
command line: `syncline outbox breakers`, `syncline outbox held`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

from syncline.registry import QUESTIONS_POOL
from syncline_airflow.approval import BreakerQuestion, HeldQuestion, ask_about, ask_about_held
from syncline_airflow.schedules import dag_defaults, every
from syncline_airflow.tags import Tag

CLOCK_S = 60
TIMEOUT = timedelta(minutes=2)
# Each waiting run asks at least one question; there are never that many at once. Their tasks share a pool of one
# slot, which a question that waits for its answer does not hold: so many runs never take the slots of the lane.
RUNS_MAX = 32
DEFAULTS = dag_defaults(Tag.RELEASE, Tag.STOPS_HELD, timeout=TIMEOUT) | {
    "max_active_runs": RUNS_MAX,
    "dagrun_timeout": timedelta(days=35),
}


@dag(
    description="Ask a person about tripped circuit breakers and held corrections",
    schedule=every(CLOCK_S),
    doc_md=__doc__,
    **DEFAULTS,
)
def release_held() -> None:
    @task(pool=QUESTIONS_POOL)
    def find() -> list[int]:
        context = get_current_context()
        return ask_about(str(context["run_id"]), context["dag_run"].run_type == "manual")

    @task(pool=QUESTIONS_POOL)
    def find_held() -> list[int]:
        context = get_current_context()
        return ask_about_held(str(context["run_id"]), context["dag_run"].run_type == "manual")

    BreakerQuestion.partial(task_id="ask", pool=QUESTIONS_POOL).expand(trip_id=find())
    HeldQuestion.partial(task_id="ask_held", pool=QUESTIONS_POOL).expand(question_id=find_held())


release_held()
