"""Every error Syncline raises on purpose: typed, with fields, retryable or terminal.

A message names the thing, the value, the place and the next step. The Airflow retry policy
(``plugins/syncline_airflow/retries.py``) reads nothing but these two branches.
"""

from __future__ import annotations


class SynclineError(Exception):
    """Root of all deliberate errors.

    Args:
        message: what happened, to which thing, where.
        next_step: what the reader should do now; printed after the message.
        **fields: machine-readable context (source, file, segment, key ...).
    """

    def __init__(self, message: str, *, next_step: str = "", **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.message} Next: {self.next_step}" if self.next_step else self.message


class RetryableError(SynclineError):
    """The same call may succeed later, unchanged."""

    def __init__(
        self, message: str, *, next_step: str = "", retry_after_s: float | None = None, **fields: object
    ) -> None:
        super().__init__(message, next_step=next_step, **fields)
        self.retry_after_s = retry_after_s


class TerminalError(SynclineError):
    """Retrying changes nothing: a person or a configuration change is needed."""


class ConfigurationError(TerminalError):
    """A registry entry, rule or connection is wrong; found before data is touched."""


class ConnectionUndefined(ConfigurationError):
    """A connection id that nothing defines; some parts have a default without one."""


class PartnerUnavailable(RetryableError):
    """A source or target does not answer, or asks us to slow down."""


class WarehouseUnavailable(RetryableError):
    """Postgres does not answer or refuses work (down, disk full, too many connections)."""


class PartnerContractBroken(TerminalError):
    """A partner answers something outside its contract, for the whole request."""


class BatchHeld(TerminalError):
    """The gate stopped a release; the batch waits in ``ops.batches``."""


class Interrupted(BaseException):
    """A signal asked us to stop. Not an Exception: nothing may catch it by accident."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number
