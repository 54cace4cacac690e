"""The one place that maps errors to Airflow's retries.

Terminal errors fail at once: a retry would only delay the person who is needed. Retryable ones wait as long as
the partner asked, within limits. Anything unknown is a defect of ours: Airflow's own retry count applies.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.definitions.retry_policy import RetryDecision

from syncline.errors import RetryableError

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

RETRIES = 3
RETRY_DELAY = timedelta(seconds=5)
RETRY_DELAY_MAX_S = 120.0


class SynclineRetryPolicy(ExceptionRetryPolicy):
    """The rules below, and ``retry_after_s`` of a retryable error."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        # The reason is stored and shown: the type's name only, a message may quote a partner.
        if isinstance(exception, RetryableError) and exception.retry_after_s is not None:
            seconds = min(max(exception.retry_after_s, 1.0), RETRY_DELAY_MAX_S)
            return RetryDecision.retry(timedelta(seconds=seconds), f"{type(exception).__name__}: asked to wait")
        return super().evaluate(exception, try_number, max_tries, context)


def retry_policy() -> SynclineRetryPolicy:
    return SynclineRetryPolicy(
        rules=[
            RetryRule(exception="syncline.errors.TerminalError", action=RetryAction.FAIL),
            RetryRule(exception="syncline.errors.RetryableError", action=RetryAction.RETRY),
            RetryRule(exception="psycopg.OperationalError", action=RetryAction.RETRY),
        ]
    )
