"""What on-call reads when a task is red."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from syncline.errors import PartnerUnavailable
from syncline_airflow.callbacks import log_failure

TASK = SimpleNamespace(dag_id="push_erp", task_id="push")


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
