"""The question ``release_held`` asks a person about a tripped breaker, and what becomes of the answer.

Question and record are one task: what Airflow shows is read from the warehouse when the task begins, and the answer is
written there when it comes. Cleared before the answer it asks again; cleared after it, it finds the decision and ends.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.sdk.definitions.context import Context

    from syncline.outbox.breaker_desk import Decision
    from syncline.outbox.trips import Trip

NOTE = "note"
WHY = "For who reads it later; kept with the decision. The buttons wait for it."
# After that the task fails and is tried again: the question stands anew, and on-call sees that nobody answers.
ANSWER_WITHIN = timedelta(days=7)
log = logging.getLogger(__name__)


def ask_about(run_id: str, is_manual: bool) -> list[int]:
    """Trips that wait for a person and whose question stands in no other run; the run then holds them.

    Asked again the same run gets the same trips. A run that a person started asks about every open trip.

    Raises:
        AirflowSkipException: there is nothing to ask.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.clock import clock_from_env
    from syncline.outbox.breaker_desk import claim_questions
    from syncline_airflow.connections import warehouse

    clock = clock_from_env()
    now = clock.now()
    until = now + clock.rate * ANSWER_WITHIN
    with warehouse("publisher") as publisher:
        found = claim_questions(publisher, run_id, now=now, until=until, every=is_manual)
    if not found:
        raise AirflowSkipException("no breaker waits for a person")
    return found


class BreakerQuestion(ApprovalOperator):
    """Ask about trip ``trip_id``: *Approve* lets go what it holds, *Reject* denies it."""

    # Nothing of it is a template: what the warehouse says about a partner's data is never rendered.
    template_fields: Collection[str] = ()

    def __init__(self, *, trip_id: int, **rest: Any) -> None:
        note = Param("", type="string", maxLength=400, title="Why", description=WHY)
        super().__init__(subject="A tripped breaker", params={NOTE: note}, response_timeout=ANSWER_WITHIN, **rest)
        self.trip_id = trip_id

    def execute(self, context: Context) -> Any:
        """Put the question, or end at once when the trip is decided."""
        from syncline.outbox.trips import one_trip
        from syncline_airflow.connections import warehouse

        with warehouse("publisher") as publisher:
            trip = one_trip(publisher, self.trip_id)
        if trip is None or trip.state != "open":
            log.info("breaker %s: %s", self.trip_id, f"{trip.state} by {trip.decided_by}" if trip else "there is none")
            return None
        self.subject, self.body = question(trip)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Record who decided what and why, and let the corrections go or end them."""
        answer = super().execute_complete(context, event)
        user = answer["responded_by_user"]
        approved = answer["chosen_options"] == [self.APPROVE]
        return record(
            self.trip_id,
            "released" if approved else "denied",
            by=str(user["name"] if user else "Airflow"),
            note=str(answer["params_input"].get(NOTE) or ""),
        )


def question(trip: Trip) -> tuple[str, str]:
    """Subject and Markdown body; the UI puts no space between paragraphs, so what belongs apart is a list."""
    from syncline.outbox.breakers import LARGEST_WORD
    from syncline.outbox.trips import WORDS

    subject = f"Breaker {trip.trip_id}: {WORDS[trip.rule]}, {trip.scope}"
    what, _, largest = trip.detail.partition(f" {LARGEST_WORD}")
    changes = "".join(f"- {change}\n" for change in largest.rstrip(".").split("; ") if change)
    target = trip.target or "every target"
    body = (
        f"{what}\n\n"
        + (f"**Largest changes**, from what {target} shows to what we would send:\n\n{changes}\n" if changes else "")
        + f"**Your answer** (batch {trip.batch_id}, held since {trip.opened_at:%Y-%m-%d %H:%M:%S} UTC):\n\n"
        "- **Approve** sends what is held, but for numbers that have changed since.\n"
        f"- **Reject** sends nothing: {target} keeps what it shows until one of the two numbers changes.\n"
        "- Not sure? Leave it: all else goes on. What to look at: `docs/runbooks/tripped-breaker.md`.\n"
    )
    return subject, body


def record(trip_id: int, decision: Decision, *, by: str, note: str) -> dict[str, Any]:
    """Decide the trip once; what is decided stays so."""
    from syncline.clock import clock_from_env
    from syncline.outbox.breaker_desk import BY_MAX, decide
    from syncline_airflow.connections import warehouse

    # One printable line: what a form sends may hold line breaks, and the answer cannot be asked for again.
    line = " ".join(note.split()) or "answered in Airflow without a note"
    with warehouse("publisher") as publisher:
        decided = decide(publisher, trip_id, decision, by=by[:BY_MAX], note=line, at=clock_from_env().now())
    trip = decided.trip
    log.info(
        "breaker %s is %s by %s%s: %s corrections moved, %s out of date",
        trip_id, trip.state, trip.decided_by, " since before" if decided.already else "", decided.moved,
        decided.outdated,
    )  # fmt: skip
    return {"trip": trip_id, "state": trip.state, "moved": decided.moved, "outdated": decided.outdated}
