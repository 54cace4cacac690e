"""Asking a partner again: how often, and after which wait."""

from __future__ import annotations

import tenacity

from syncline.errors import PartnerUnavailable

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 20.0
# Longer than this the task gives its slot back and the next run asks again.
RETRY_AFTER_MAX_S = 30.0


def tries(number: int) -> tenacity.Retrying:
    """Calls a function up to ``number`` times while it raises PartnerUnavailable; the last error is raised as it is."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_worth_another_try),
        stop=tenacity.stop_after_attempt(number),
        wait=_wait_s,
        reraise=True,
    )


def _is_worth_another_try(error: BaseException) -> bool:
    return isinstance(error, PartnerUnavailable) and (error.retry_after_s or 0) <= RETRY_AFTER_MAX_S


def _wait_s(state: tenacity.RetryCallState) -> float:
    """Full jitter under an exponential roof, and never less than the partner asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.retry_after_s if isinstance(error, PartnerUnavailable) else None
    jitter_s = tenacity.wait_random_exponential(multiplier=BACKOFF_FIRST_S, max=BACKOFF_MAX_S)(state)
    return jitter_s if asked_s is None else asked_s + min(jitter_s, 1.0)
