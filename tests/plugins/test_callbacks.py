"""What on-call reads when a task is red."""

from __future__ import annotations

import logging
from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from syncline.errors import PartnerUnavailable
from syncline_airflow.callbacks import log_failure, log_retry

TASK = SimpleNamespace(
    dag_id="push_erp",
    task_id="push",
    try_number=2,
    max_tries=3,
    task=SimpleNamespace(execution_timeout=timedelta(minutes=5)),
)


def test_one_line_says_task_error_and_next_step(caplog: pytest.LogCaptureFixture) -> None:
    error = PartnerUnavailable("ERP answers 503.", next_step="Wait for it.")
    with caplog.at_level(logging.ERROR, "syncline.failure"):
        log_failure({"task_instance": TASK, "exception": error})
    (record,) = caplog.records
    assert record.getMessage() == "push_erp.push failed: ERP answers 503. Next: Wait for it. Clearing the task is safe."


def test_a_defect_is_called_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "syncline.failure"):
        log_failure({"task_instance": TASK, "exception": KeyError("sku")})
    assert "KeyError: 'sku'" in caplog.text
    assert "defect" in caplog.text


def test_a_try_that_is_not_the_last_one_says_so_in_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    error = PartnerUnavailable("ERP answers 503.", next_step="Wait for it.")
    with caplog.at_level(logging.WARNING, "syncline.failure"):
        log_retry({"task_instance": TASK, "exception": error})
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "push_erp.push failed in try 2 of 4, the next one comes by itself: ERP answers 503. Next: Wait for it."
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AirflowTaskTimeout("Timeout, PID: 17"), "it was stopped after 300 s."),
        (psycopg.OperationalError("server closed\nthe connection"), "OperationalError: server closed the connection"),
        (None, "its process was killed or lost touch with Airflow."),
    ],
)
def test_what_is_no_defect_is_not_called_one(
    error: BaseException | None, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "syncline.failure"):
        log_failure({"task_instance": TASK, "exception": error})
    (record,) = caplog.records
    assert told in record.getMessage()
    assert "Next: " in record.getMessage()
    assert "\n" not in record.getMessage()
    assert "defect" not in record.getMessage()


def test_a_long_message_is_cut_and_stays_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "syncline.failure"):
        log_failure({"task_instance": TASK, "exception": ValueError("line\n" * 1000)})
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 600
