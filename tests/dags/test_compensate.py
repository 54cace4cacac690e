"""The question about a compensation that waits: what it shows, and what an answer does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline_airflow.compensating import CompensationQuestion, ask_about_waiting, run_rules

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
NAME = "3fa91c22" + "0" * 32


@pytest.fixture
def waiting(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> str:
    """One that waits; Airflow knows the transformer's connection."""
    parts = urlsplit(warehouse_dsn("transformer"))
    value = {
        "conn_type": "postgres", "host": parts.hostname, "port": parts.port, "login": parts.username,
        "password": parts.password, "schema": parts.path[1:],
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_TRANSFORMER", json.dumps(value))
    put(warehouse, NAME)
    return NAME


def put(conn: psycopg.Connection, name: str) -> None:
    conn.execute(
        "insert into ops.compensations (compensation_id, rule, finding, subject, action, item, location, measure, "
        "units, value_minor, detail, evidence, state, reason, run, proposed_at, changed_at, changed_by) values (%s, "
        "'books-stand-alone', 'books.variance', 'A/DC1', 'correct', 'A', 'DC1', 'financial', -7, 700, "
        "'erp says {{ 107 }}', '{run:4}', 'waiting', 'over its limit: units of a key 7, allowed 5', 'r', "
        "%s, %s, 'syncline')",
        (name, AT, AT),
    )


def answer(option: str) -> dict[str, Any]:
    return {
        "chosen_options": [option], "params_input": {"note": "count it\nfirst"}, "responded_at": AT,
        "responded_by_user": {"id": "admin", "name": "admin"},
    }  # fmt: skip


def test_a_question_says_what_why_and_on_what_it_rests(waiting: str) -> None:
    words = CompensationQuestion(task_id="ask", name=waiting).words()
    assert words is not None
    subject, body = words
    assert subject == "Correct? books.variance of A/DC1/financial, -7 units"
    assert body.startswith("erp says {{ 107 }}\n\n**Rule** `books-stand-alone`")
    assert "over its limit: units of a key 7, allowed 5" in body
    assert "- `run:4`\n" in body
    assert not CompensationQuestion.template_fields, "what the warehouse says is not rendered"


def test_a_rejection_is_recorded_once(warehouse: psycopg.Connection, waiting: str) -> None:
    ask = CompensationQuestion(task_id="ask", name=waiting)
    assert ask.execute_complete({}, answer("Reject")) == {"compensation": NAME, "state": "rejected", "by": "admin"}
    assert CompensationQuestion(task_id="ask", name=waiting).execute({}) is None, "cleared after its answer"
    assert ask.execute_complete({}, answer("Approve"))["state"] == "rejected", "an answer that comes too late"
    assert warehouse.execute("select note from ops.compensations").fetchall() == [("count it first",)]


def test_an_approval_of_what_changed_meanwhile_does_nothing(warehouse: psycopg.Connection, waiting: str) -> None:
    ask = CompensationQuestion(task_id="ask", name=waiting)
    assert ask.execute_complete({}, answer("Approve"))["state"] == "waiting"
    assert warehouse.execute("select count(*) from ops.correction_queue").fetchall() == [(0,)]


def test_before_the_marts_are_built_nothing_is_red(warehouse: psycopg.Connection, waiting: str) -> None:
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), AT, "test")
    with pytest.raises(AirflowSkipException, match="not built yet"):
        run_rules("run-1")
    assert warehouse.execute("select state from ops.compensations").fetchall() == [("waiting",)]


def test_each_is_asked_about_by_one_run(warehouse: psycopg.Connection, waiting: str) -> None:
    assert ask_about_waiting("run-1", False) == [NAME]
    assert ask_about_waiting("run-1", False) == [NAME], "cleared: the same"
    with pytest.raises(AirflowSkipException):
        ask_about_waiting("run-2", False)
    put(warehouse, "4" * 40)
    assert ask_about_waiting("run-3", False) == ["4" * 40]
    assert ask_about_waiting("by-hand", True) == [NAME, "4" * 40]


def test_a_row_stays_what_it_is_and_moves_as_it_may(warehouse: psycopg.Connection, waiting: str) -> None:
    for change in ("units = 9", "state = 'reversed'", "subject = 'B'"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            warehouse.execute(f"update ops.compensations set {change}".encode())
    for statement in ("delete from ops.compensations", "update ops.compensation_changes set note = 'x'"):
        with pytest.raises(psycopg.Error, match=r"insert-only|refuse|may not|cannot|never"):
            warehouse.execute(statement.encode())
