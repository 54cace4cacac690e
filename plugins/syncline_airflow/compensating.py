"""What the tasks of the DAG ``compensate`` do, and the question that one of them asks a person."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from syncline_airflow.approval import ANSWER_WITHIN, PersonQuestion

if TYPE_CHECKING:
    from syncline.compensation.model import Kept

# So many wait in the UI at once; the next ones are asked about when these are answered.
QUESTIONS_MAX = 20
log = logging.getLogger(__name__)


def run_rules(run_id: str) -> dict[str, Any]:
    """Answer what the rules decide and propose the rest; how many of each.

    Raises:
        AirflowSkipException: nothing stands that a rule names, or the marts that say why are not built yet.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.clock import clock_from_env
    from syncline.compensation.cases import MartsMissing
    from syncline.compensation.desk import run
    from syncline_airflow.connections import warehouse

    with warehouse("transformer") as transformer:
        try:
            done = dataclasses.asdict(run(transformer, run_id, clock_from_env().now()))
        except MartsMissing as error:
            raise AirflowSkipException(str(error)) from error
    for name, why in done["refused"].items():
        log.warning("compensation %s was not made: %s", name, why)
    if not any(done.values()):
        raise AirflowSkipException("no rule answers anything that stands")
    return {state: len(names) for state, names in done.items()}


def land_write_offs() -> int:
    """Land what was written off and is no fact yet; how many."""
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.decisions import land_write_offs as land
    from syncline_airflow.connections import warehouse

    with warehouse("loader") as loader:
        landed = land(loader)
    if not landed:
        raise AirflowSkipException("nothing was written off")
    return landed


def ask_about_waiting(run_id: str, is_manual: bool) -> list[str]:
    """Compensations that wait for a person and that no other run asks about.

    Raises:
        AirflowSkipException: there is nothing to ask.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.clock import clock_from_env
    from syncline.compensation.desk import claim_questions
    from syncline_airflow.connections import warehouse

    clock = clock_from_env()
    now = clock.now()
    until = now + clock.rate * ANSWER_WITHIN
    with warehouse("transformer") as transformer:
        found = claim_questions(transformer, run_id, now=now, until=until, every=is_manual, most=QUESTIONS_MAX)
    if not found:
        raise AirflowSkipException("no compensation waits for a person")
    return found


class CompensationQuestion(PersonQuestion):
    """Ask about compensation ``name``: *Approve* does it, *Reject* leaves the finding to people."""

    def __init__(self, *, name: str, **rest: Any) -> None:
        super().__init__(subject="A compensation", **rest)
        self.name = name

    def words(self) -> tuple[str, str] | None:
        from syncline.compensation.desk import get
        from syncline_airflow.connections import warehouse

        with warehouse("transformer") as transformer:
            kept = get(transformer, self.name)
        if kept.state != "waiting":
            log.info("compensation %s is %s by %s", kept.compensation_id, kept.state, kept.changed_by)
            return None
        return compensation_words(kept)

    def decide(self, decision: str, by: str, note: str) -> dict[str, Any]:
        """A finding that changed since the question was put is a result, not a failure: the next run proposes anew."""
        from syncline.clock import clock_from_env
        from syncline.compensation.desk import approve, get, reject
        from syncline.errors import TerminalError
        from syncline_airflow.connections import warehouse

        answer = approve if decision == "released" else reject
        with warehouse("transformer") as transformer:
            try:
                kept = answer(transformer, self.name, by=by, note=note, at=clock_from_env().now())
            except TerminalError as error:
                log.warning("%s %s", error.message, error.next_step)
                kept = get(transformer, self.name)
        return {"compensation": kept.compensation_id, "state": kept.state, "by": kept.changed_by}


def compensation_words(kept: Kept) -> tuple[str, str]:
    """Subject and Markdown body of a question about a compensation."""
    place = "/".join(part for part in (kept.target, kept.item, kept.location, kept.measure, kept.lot) if part)
    rests = "".join(f"- `{each}`\n" for each in kept.evidence[:10]) or "- nothing\n"
    number = f"exception {kept.exception_id}, " if kept.exception_id else ""
    subject = f"{kept.action.capitalize()}? {kept.finding} of {place or kept.subject}, {kept.units:+d} units"
    body = (
        f"{kept.detail}\n\n"
        f"**Rule** `{kept.rule}` would answer it by *{kept.action}*: {abs(kept.units)} units worth {kept.value_minor} "
        f"minor units of currency. It waits because {kept.reason or 'its rule asks first'}.\n\n"
        f"**Rests on** ({number}compensation {kept.compensation_id[:12]}):\n\n{rests}\n"
        "**Your answer:**\n\n"
        "- **Approve** does it, when all of that still stands. `syncline compensate reverse` takes it back.\n"
        "- **Reject** leaves it to people; the rule does nothing of the key by itself any more.\n"
        "- Not sure? Leave it: all else goes on. What to look at: `docs/how-to/compensate.md`.\n"
    )
    return subject, body
