"""The questions ``release_held`` asks a person, about a tripped breaker or held corrections, and their answers.

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
    from collections.abc import Callable, Collection

    from airflow.sdk.definitions.context import Context

    from syncline.outbox.breaker_desk import Decision
    from syncline.outbox.questions import About, Question
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
    from syncline.outbox.breaker_desk import claim_questions

    return _claimed(claim_questions, run_id, is_manual, "no breaker waits for a person")


def ask_about_held(run_id: str, is_manual: bool) -> list[int]:
    """The same for what targets hold: each question is written down, with its corrections, before it is asked."""
    from syncline.clock import clock_from_env
    from syncline.outbox.questions import claim_questions, open_questions
    from syncline_airflow.connections import warehouse

    with warehouse("publisher") as publisher:
        open_questions(publisher, clock_from_env().now())
    return _claimed(claim_questions, run_id, is_manual, "no held correction waits for a person")


def _claimed(claim: Callable[..., list[int]], run_id: str, is_manual: bool, nothing: str) -> list[int]:
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.clock import clock_from_env
    from syncline_airflow.connections import warehouse

    clock = clock_from_env()
    now = clock.now()
    with warehouse("publisher") as publisher:
        found = claim(publisher, run_id, now=now, until=now + clock.rate * ANSWER_WITHIN, every=is_manual)
    if not found:
        raise AirflowSkipException(nothing)
    return found


class PersonQuestion(ApprovalOperator):
    """A question whose words and whose end are in the warehouse."""

    # Nothing of it is a template: what the warehouse says about a partner's data is never rendered.
    template_fields: Collection[str] = ()

    def __init__(self, *, subject: str, **rest: Any) -> None:
        note = Param("", type="string", maxLength=400, title="Why", description=WHY)
        super().__init__(subject=subject, params={NOTE: note}, response_timeout=ANSWER_WITHIN, **rest)

    def words(self) -> tuple[str, str] | None:
        """Subject and body as they are now; None when it is decided."""
        raise NotImplementedError

    def decide(self, decision: Decision, by: str, note: str) -> dict[str, Any]:
        """Record the answer, once."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Put the question, or end at once when it is decided."""
        words = self.words()
        if words is None:
            return None
        self.subject, self.body = words
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Record who decided what and why, and let the corrections go or end them."""
        answer = super().execute_complete(context, event)
        user = answer["responded_by_user"]
        # One printable line: what a form sends may hold line breaks, and the answer cannot be asked for again.
        note = " ".join(str(answer["params_input"].get(NOTE) or "").split()) or "answered in Airflow without a note"
        approved = answer["chosen_options"] == [self.APPROVE]
        return self.decide("released" if approved else "denied", str(user["name"] if user else "Airflow"), note)


class BreakerQuestion(PersonQuestion):
    """Ask about trip ``trip_id``: *Approve* lets go what it holds, *Reject* denies it."""

    def __init__(self, *, trip_id: int, **rest: Any) -> None:
        super().__init__(subject="A tripped breaker", **rest)
        self.trip_id = trip_id

    def words(self) -> tuple[str, str] | None:
        from syncline.outbox.trips import one_trip
        from syncline_airflow.connections import warehouse

        with warehouse("publisher") as publisher:
            trip = one_trip(publisher, self.trip_id)
        if trip is None or trip.state != "open":
            log.info("breaker %s: %s", self.trip_id, f"{trip.state} by {trip.decided_by}" if trip else "there is none")
            return None
        return question(trip)

    def decide(self, decision: Decision, by: str, note: str) -> dict[str, Any]:
        from syncline.clock import clock_from_env
        from syncline.outbox.breaker_desk import BY_MAX, decide
        from syncline_airflow.connections import warehouse

        with warehouse("publisher") as publisher:
            decided = decide(publisher, self.trip_id, decision, by=by[:BY_MAX], note=note, at=clock_from_env().now())
        trip = decided.trip
        log.info(
            "breaker %s is %s by %s%s: %s corrections moved, %s out of date",
            trip.trip_id, trip.state, trip.decided_by, " since before" if decided.already else "", decided.moved,
            decided.outdated,
        )  # fmt: skip
        return {"trip": trip.trip_id, "state": trip.state, "moved": decided.moved, "outdated": decided.outdated}


class HeldQuestion(PersonQuestion):
    """Ask about question ``question_id``: *Approve* lets go the corrections it is about, *Reject* ends them."""

    def __init__(self, *, question_id: int, **rest: Any) -> None:
        super().__init__(subject="Held corrections", **rest)
        self.question_id = question_id

    def words(self) -> tuple[str, str] | None:
        from syncline.outbox.questions import about, one_question
        from syncline_airflow.connections import warehouse

        with warehouse("publisher") as publisher:
            asked = one_question(publisher, self.question_id)
            if asked is None or asked.state != "open":
                log.info("question %s: %s", self.question_id, asked.state if asked else "there is none")
                return None
            return held_words(asked, about(publisher, asked))

    def decide(self, decision: Decision, by: str, note: str) -> dict[str, Any]:
        from syncline.clock import clock_from_env
        from syncline.outbox.breaker_desk import BY_MAX
        from syncline.outbox.questions import answer
        from syncline_airflow.connections import warehouse

        with warehouse("publisher") as publisher:
            done = answer(publisher, self.question_id, decision, by=by[:BY_MAX], note=note, at=clock_from_env().now())
        asked = done.question
        log.info(
            "question %s is %s by %s%s: %s corrections moved, %s out of date, %s tried and kept",
            asked.question_id, asked.state, asked.decided_by, " since before" if done.already else "", done.moved,
            done.outdated, done.kept,
        )  # fmt: skip
        return {
            "question": asked.question_id, "state": asked.state, "moved": done.moved, "outdated": done.outdated,
            "kept": done.kept,
        }  # fmt: skip


def held_words(asked: Question, found: About) -> tuple[str, str]:
    """Subject and Markdown body of a question about held corrections."""
    subject = f"Held at {asked.target}: {found.lines} corrections, {asked.reason}"
    changes = "".join(f"- {change}\n" for change in found.changes)
    tried = (
        f"- {found.tried} of them were sent without proof: **Approve** leaves those held; **Reject** ends them, and "
        "they are computed anew from a new reading. Look for them in the target first.\n"
        if found.tried
        else ""
    )
    body = (
        f"{asked.target} would change by {found.units} units worth {found.value} minor units of currency.\n\n"
        f"**Largest changes**, from what it shows to what we would send:\n\n{changes}\n"
        f"**Your answer** (question {asked.question_id}, open since {asked.opened_at:%Y-%m-%d %H:%M:%S} UTC):\n\n"
        "- **Approve** sends what this question is about, but for numbers that have changed since.\n"
        f"- **Reject** sends nothing: {asked.target} keeps what it shows until one of the two numbers changes.\n"
        + tried
        + "- Not sure? Leave it: all else goes on. What to look at: `docs/runbooks/held-correction.md`.\n"
    )
    return subject, body


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
