"""Terminal errors fail at once, retryable ones wait, defects get Airflow's own retries."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from airflow.sdk import RetryAction

from syncline.errors import BatchHeld, ConfigurationError, PartnerUnavailable, WarehouseUnavailable
from syncline_airflow.retries import RETRY_DELAY_MAX_S, retry_policy


@pytest.mark.parametrize("error", [ConfigurationError("wrong entry"), BatchHeld("held")])
def test_a_person_is_needed_now(error: Exception) -> None:
    assert retry_policy().evaluate(error, 1, 3).action is RetryAction.FAIL


@pytest.mark.parametrize("error", [WarehouseUnavailable("down"), psycopg.OperationalError("gone")])
def test_the_same_call_may_work_later(error: Exception) -> None:
    decision = retry_policy().evaluate(error, 1, 3)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay is None


@pytest.mark.parametrize(("asked_s", "waits_s"), [(17, 17), (0.01, 1), (99_999, RETRY_DELAY_MAX_S)])
def test_a_partner_is_given_the_time_it_asks_for_within_limits(asked_s: float, waits_s: float) -> None:
    decision = retry_policy().evaluate(PartnerUnavailable("busy", retry_after_s=asked_s), 1, 3)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == timedelta(seconds=waits_s)


def test_a_defect_is_left_to_airflow() -> None:
    assert retry_policy().evaluate(KeyError("x"), 1, 3).action is RetryAction.DEFAULT


def test_no_reason_repeats_what_a_partner_said() -> None:
    for error in (PartnerUnavailable("token=abc", retry_after_s=3), ConfigurationError("token=abc"), KeyError("abc")):
        assert "abc" not in (retry_policy().evaluate(error, 1, 3).reason or "")


def test_the_policy_survives_airflows_serialization() -> None:
    restored = type(retry_policy()).deserialize(retry_policy().serialize())
    assert restored.evaluate(ConfigurationError("x"), 1, 3).action is RetryAction.FAIL
