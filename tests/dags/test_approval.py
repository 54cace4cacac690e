"""The task that asks about a tripped breaker: what it shows, and what an answer does; Airflow itself in tests/live."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from bench.warehouse import told_by_the_floor
from syncline.outbox.trips import one_trip
from syncline_airflow.approval import BreakerQuestion, HeldQuestion, ask_about, ask_about_held, question

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.fixture
def trip(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> int:
    """One open trip that holds one correction; Airflow knows the publisher's connection."""
    parts = urlsplit(warehouse_dsn("publisher"))
    value = {
        "conn_type": "postgres", "host": parts.hostname, "port": parts.port, "login": parts.username,
        "password": parts.password, "schema": parts.path[1:],
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_PUBLISHER", json.dumps(value))
    told_by_the_floor(warehouse)
    warehouse.execute("insert into ops.batches (as_of, state) values (%s, 'released')", (AT,))
    warehouse.execute("insert into ops.target_cursors values ('erp', 1, %s)", (AT,))
    warehouse.execute("insert into ops.target_versions values ('erp', 'SKU-0001', 'DC1', 1, 900, 1)")
    warehouse.execute("insert into ops.target_readings values ('erp', 'SKU-0001', 'DC1', 1, 10, null, %s)", (AT,))
    warehouse.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, "
        "quantity, state, reason, batch_id, created_at, changed_at, fact_id) values ('abcdef0123456789', 'erp', "
        "'SKU-0001', 'DC1', 1, 1, 'delta', 900, 10, 890, 'held', 'breaker 1: too many units', 1, %s, %s, 'floor')",
        (AT, AT),
    )
    put_trip(warehouse, "units")
    return 1


def put_trip(conn: psycopg.Connection, rule: str, **more: Any) -> None:
    silent = AT if rule == "silent_source" else None
    conn.execute(
        "insert into ops.breaker_trips (rule, target, batch_id, measured, bound, detail, state, opened_at, "
        "silent_since) values (%s, 'erp', 1, 890, 500, '1 keys of erp would change {{ at }} once.', 'open', %s, %s)",
        (rule, AT, silent),
    )


def answer(option: str, note: str = "") -> dict[str, Any]:
    """As Airflow hands an answer to the task."""
    return {
        "chosen_options": [option], "params_input": {"note": note}, "responded_at": AT,
        "responded_by_user": {"id": "admin", "name": "admin"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("option", "note", "state", "moved_to", "reason"),
    [
        ("Approve", "stock take\nof Sunday", "released", "pending", "let go by admin (breaker 1)"),
        ("Reject", "", "denied", "dead", "denied by admin (breaker 1): answered in Airflow without a note"),
    ],
)
def test_an_answer_is_recorded_once(
    warehouse: psycopg.Connection, trip: int, option: str, note: str, state: str, moved_to: str, reason: str
) -> None:
    ask = BreakerQuestion(task_id="ask", trip_id=trip)
    told = ask.execute_complete({}, answer(option, note))
    assert told == {"trip": 1, "state": state, "moved": 1, "outdated": 0}
    kept = "stock take of Sunday" if note else "answered in Airflow without a note"
    assert warehouse.execute("select state, decided_by, note from ops.breaker_trips").fetchall() == [
        (state, "admin", kept)
    ]
    assert warehouse.execute("select state, reason from ops.outbox").fetchall() == [(moved_to, reason)]
    # Cleared after its answer: it asks nothing. An answer to a question that still stood changes nothing.
    assert BreakerQuestion(task_id="ask", trip_id=trip).execute({}) is None
    other = "Reject" if option == "Approve" else "Approve"
    assert BreakerQuestion(task_id="ask", trip_id=trip).execute_complete({}, answer(other))["state"] == state
    assert warehouse.execute("select state, reason from ops.outbox").fetchall() == [(moved_to, reason)]


def test_each_trip_is_asked_about_by_one_run_and_silence_by_none(warehouse: psycopg.Connection, trip: int) -> None:
    put_trip(warehouse, "silent_source")
    assert ask_about("run-1", False) == [1]
    assert ask_about("run-1", False) == [1], "cleared: the same"
    put_trip(warehouse, "keys")
    assert ask_about("run-2", False) == [3]
    with pytest.raises(AirflowSkipException):
        ask_about("run-3", False)
    assert ask_about("by-hand", True) == [1, 3]
    warehouse.execute("update ops.breaker_trips set asked_until = '2026-01-01'")
    assert ask_about("run-4", False) == [1, 3], "a question that ran out is asked again"


def test_what_the_warehouse_says_is_not_rendered(trip: int) -> None:
    assert not BreakerQuestion.template_fields


def test_a_question_lists_the_largest_changes(warehouse: psycopg.Connection, trip: int) -> None:
    detail = "9 keys of erp would change at once. Allowed: 8 keys. Largest: A-1 at DC1: 10 → 90; B at DC2: 5 → 8."
    warehouse.execute("alter table ops.breaker_trips disable trigger user")
    warehouse.execute("update ops.breaker_trips set detail = %s", (detail,))
    found = one_trip(warehouse, trip)
    assert found is not None
    subject, body = question(found)
    assert subject == "Breaker 1: too many units, erp at every location"
    assert body.startswith("9 keys of erp would change at once. Allowed: 8 keys.\n\n**Largest changes**")
    assert "\n- A-1 at DC1: 10 → 90\n- B at DC2: 5 → 8\n" in body


def test_a_question_without_changes_has_no_list_of_them(warehouse: psycopg.Connection, trip: int) -> None:
    found = one_trip(warehouse, trip)
    assert found is not None
    assert "Largest" not in question(found)[1]


@pytest.mark.parametrize(
    ("option", "state", "moved_to", "reason"),
    [
        ("Approve", "released", "pending", "released by admin (question 1)"),
        ("Reject", "denied", "dead", "denied by admin (question 1): counted"),
    ],
)
def test_held_corrections_are_asked_about_with_their_numbers_and_answered_once(
    warehouse: psycopg.Connection, trip: int, option: str, state: str, moved_to: str, reason: str
) -> None:
    with pytest.raises(AirflowSkipException):
        ask_about_held("run-1", False)
    warehouse.execute("update ops.outbox set reason = 'above tolerance'")
    assert ask_about_held("run-1", False) == [1]
    with pytest.raises(AirflowSkipException):
        ask_about_held("run-2", False)
    ask = HeldQuestion(task_id="ask_held", question_id=1)
    assert not ask.template_fields
    words = ask.words()
    assert words is not None
    assert words[0] == "Held at erp: 1 corrections, above tolerance"
    assert "\n- SKU-0001 at DC1: 10 → 900\n" in words[1]
    told = ask.execute_complete({}, answer(option, "counted"))
    assert told == {"question": 1, "state": state, "moved": 1, "outdated": 0, "kept": 0}
    assert warehouse.execute("select state, reason from ops.outbox").fetchall() == [(moved_to, reason)]
    assert warehouse.execute("select state, decided_by, note from ops.hold_questions").fetchall() == [
        (state, "admin", "counted")
    ]
    assert HeldQuestion(task_id="ask_held", question_id=1).execute({}) is None, "cleared after its answer"
    other = "Reject" if option == "Approve" else "Approve"
    assert HeldQuestion(task_id="ask_held", question_id=1).execute_complete({}, answer(other))["state"] == state
