"""What on-call sees when a task fails: one line with task, error and next step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from syncline.errors import SynclineError

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

log = logging.getLogger("syncline.failure")


def log_failure(context: Context) -> None:
    """``on_failure_callback`` of every task: the error in one line, without a traceback and without secrets."""
    task = context["task_instance"]
    error = context.get("exception")
    if isinstance(error, SynclineError):
        what, next_step = error.message, error.next_step
    else:
        what, next_step = f"{type(error).__name__}: {error}", "This is a defect of ours: read the traceback above."
    # Callbacks run inside the group "Post Execute", which the UI folds away: end it, this line is the one to be seen.
    log.info("::endgroup::")
    sentence = what if what.endswith(".") else f"{what}."
    log.error("%s.%s failed: %s Next: %s Clearing the task is safe.", task.dag_id, task.task_id, sentence, next_step)
