"""What on-call sees when a task fails: one line with task, error and next step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from syncline.errors import SynclineError

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

log = logging.getLogger("syncline.failure")
WORDS_MAX = 400


def log_failure(context: Context) -> None:
    """``on_failure_callback`` of every task: the error in one line, without a traceback and without secrets."""
    task = context["task_instance"]
    what, next_step = _told(context)
    _end_group()
    log.error("%s.%s failed: %s Next: %s Clearing the task is safe.", task.dag_id, task.task_id, what, next_step)


def log_retry(context: Context) -> None:
    """``on_retry_callback`` of every task: the same line for a try that is not the last one."""
    task = context["task_instance"]
    what, next_step = _told(context)
    _end_group()
    log.warning(
        "%s.%s failed in try %s of %s, the next one comes by itself: %s Next: %s",
        task.dag_id, task.task_id, task.try_number, task.max_tries + 1, what, next_step,
    )  # fmt: skip


def _told(context: Context) -> tuple[str, str]:
    """(What happened, as a sentence; what to do now)."""
    import psycopg
    from airflow.sdk.exceptions import AirflowTaskTimeout

    error = context.get("exception")
    if isinstance(error, SynclineError):
        return _sentence(error.message), error.next_step
    if isinstance(error, AirflowTaskTimeout):
        limit = context["task_instance"].task.execution_timeout
        what = f"it was stopped after {limit.total_seconds():.0f} s." if limit else "it was stopped, it took too long."
        return what, "Look in the traceback for what it waited for: a partner that drips, a lock, a slow model."
    if isinstance(error, psycopg.OperationalError):
        return _sentence(f"the warehouse broke off ({_words(error)})"), "Bring it back; the next run goes on."
    if error is None:
        # Not the task calls this but the DAG processor, for a process that is gone.
        what = "its process was killed or lost touch with Airflow."
        return what, "Nothing was lost. If it comes again, look for memory that ran out and a scheduler that restarts."
    return _sentence(_words(error)), "This is a defect of ours: read the traceback above."


def _words(error: object) -> str:
    """Type and message of an error that is not ours, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:WORDS_MAX]


def _sentence(what: str) -> str:
    return what if what.endswith(".") else f"{what}."


def _end_group() -> None:
    # Callbacks run inside the group "Post Execute", which the UI folds away: end it, this line is the one to be seen.
    log.info("::endgroup::")
