"""Questions about held corrections: asked once for a flood, about lines that are written down before, decided once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from bench.warehouse import told_by_the_floor
from syncline.errors import TerminalError
from syncline.outbox.questions import About, about, answer, claim_questions, one_question, open_questions
from syncline.outbox.transitions import hold_for, transition
from syncline.warehouse.connect import connect_dsn

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def publisher(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    told_by_the_floor(warehouse)
    warehouse.execute("insert into ops.batches (as_of, state) values (%s, 'released')", (AT,))
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as connection:
        yield connection


def put(conn: psycopg.Connection, item: str, reason: str, *, target: str = "erp", units: int = 10) -> str:
    """A held correction of the newest version and reading of its key."""
    correction = f"{target}-{item}-correction"
    key = (target, item, "DC1")
    conn.execute("insert into ops.target_versions values (%s, %s, %s, 1, %s, 1)", (*key, 10 + units))
    conn.execute("insert into ops.target_readings values (%s, %s, %s, 1, 10, null, %s)", (*key, AT))
    conn.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, "
        "quantity, state, reason, batch_id, created_at, changed_at, fact_id) values (%s, %s, %s, %s, 1, 1, 'delta', "
        "%s, 10, %s, 'held', %s, 1, %s, %s, 'floor')",
        (correction, *key, 10 + units, units, reason, AT, AT),
    )
    return correction


def states(conn: psycopg.Connection) -> dict[str, tuple[str, str | None]]:
    return {row[0]: (row[1], row[2]) for row in conn.execute("select item, state, reason from ops.outbox")}


def asked(conn: psycopg.Connection) -> list[tuple[int, str, str, str]]:
    return conn.execute("select question_id, target, reason, state from ops.hold_questions order by 1").fetchall()


def test_a_flood_is_one_question_and_what_comes_later_the_next(
    warehouse: psycopg.Connection, publisher: psycopg.Connection
) -> None:
    for number in range(7):
        put(warehouse, f"A{number}", "above tolerance", units=100 + number)
    put(warehouse, "B", "above tolerance", target="shop")
    assert open_questions(publisher, AT) == 2
    put(warehouse, "A9", "above tolerance", units=500)
    assert open_questions(publisher, AT) == 0, "the one that stands is not changed"
    erp = one_question(publisher, 1)
    assert erp is not None
    found = about(publisher, erp)
    assert found == About(7, 721, 0, 0, [f"A{n} at DC1: 10 → {110 + n}" for n in (6, 5, 4, 3, 2)])
    done = answer(publisher, 1, "released", by="ana", note="stock take", at=AT)
    assert (done.moved, done.outdated, done.kept, done.already) == (7, 0, 0, False)
    assert states(warehouse)["A3"] == ("pending", "released by ana (question 1)")
    assert states(warehouse)["A9"] == ("held", "above tolerance"), "nobody was asked about it"
    assert open_questions(publisher, AT) == 1
    assert asked(warehouse)[2] == (3, "erp", "above tolerance", "open")


def test_an_answer_counts_once_and_moves_only_what_it_was_about(
    warehouse: psycopg.Connection, publisher: psycopg.Connection
) -> None:
    current, _, kept_back, tried = (
        put(warehouse, item, "set without compare") for item in ("CURRENT", "MOVED", "KEPT", "TRIED")
    )
    open_questions(publisher, AT)
    warehouse.execute("insert into ops.target_readings values ('erp', 'MOVED', 'DC1', 2, 12, null, %s)", (AT,))
    hold_for(publisher, kept_back, "on hold", at=AT)
    warehouse.execute("alter table ops.outbox disable trigger user")
    warehouse.execute("update ops.outbox set tries = 2 where correction_id = %s", (tried,))
    warehouse.execute("alter table ops.outbox enable trigger user")
    done = answer(publisher, 1, "released", by="ana", note="looked", at=AT)
    assert (done.moved, done.outdated, done.kept) == (1, 1, 1)
    assert {item: state for item, (state, _) in states(warehouse).items()} == {
        "CURRENT": "pending", "MOVED": "dead", "KEPT": "held", "TRIED": "held",
    }  # fmt: skip
    assert warehouse.execute("select item, reason from ops.correction_queue").fetchall() == [("MOVED", "hold released")]
    again = answer(publisher, 1, "denied", by="eve", note="no", at=AT)
    assert (again.already, again.question.state, again.question.decided_by) == (True, "released", "ana")
    assert states(warehouse)["CURRENT"][0] == "pending"
    with pytest.raises(psycopg.errors.RestrictViolation):
        publisher.execute("update ops.hold_questions set decided_by = 'eve'")
    assert transition(publisher, current, "pending", "held", at=AT, reason="above tolerance")


def test_reject_ends_tried_ones_too(warehouse: psycopg.Connection, publisher: psycopg.Connection) -> None:
    put(warehouse, "A", "tries used up")
    warehouse.execute("alter table ops.outbox disable trigger user")
    warehouse.execute("update ops.outbox set tries = 2")
    warehouse.execute("alter table ops.outbox enable trigger user")
    assert open_questions(publisher, AT) == 1
    assert answer(publisher, 1, "denied", by="ana", note="not there", at=AT).moved == 1
    assert states(warehouse)["A"] == ("dead", "denied by ana (question 1): not there")


@pytest.mark.parametrize("reason", ["shadow", "on hold", "breaker 1: too many units"])
def test_what_is_kept_back_elsewhere_is_not_asked_about(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, reason: str
) -> None:
    put(warehouse, "A", reason)
    assert open_questions(publisher, AT + 9 * HOUR) == 0


def test_what_may_go_by_itself_has_an_hour_and_its_question_is_settled_when_it_went(
    warehouse: psycopg.Connection, publisher: psycopg.Connection
) -> None:
    correction = put(warehouse, "A", "conflict")
    assert open_questions(publisher, AT + HOUR / 2) == 0
    assert open_questions(publisher, AT + HOUR) == 1
    transition(publisher, correction, "held", "pending", at=AT + HOUR)
    assert open_questions(publisher, AT + 2 * HOUR) == 0
    assert asked(warehouse) == [(1, "erp", "conflict", "settled")]
    late = answer(publisher, 1, "denied", by="ana", note="too late", at=AT + 3 * HOUR)
    assert (late.already, late.question.state) == (True, "settled")
    assert states(warehouse)["A"][0] == "pending"


def test_each_question_is_asked_by_one_run(warehouse: psycopg.Connection, publisher: psycopg.Connection) -> None:
    put(warehouse, "A", "above tolerance")
    put(warehouse, "B", "above tolerance", target="shop")
    open_questions(publisher, AT)
    assert claim_questions(publisher, "run-1", now=AT, until=AT + HOUR) == [1, 2]
    assert claim_questions(publisher, "run-1", now=AT, until=AT + HOUR) == [1, 2], "cleared: the same"
    assert claim_questions(publisher, "run-2", now=AT, until=AT + HOUR) == []
    assert claim_questions(publisher, "run-3", now=AT + HOUR, until=AT + 2 * HOUR) == [1, 2], "it ran out"
    with pytest.raises(TerminalError, match="no question 9"):
        answer(publisher, 9, "denied", by="ana", note="x", at=AT)
    with pytest.raises(TerminalError, match="The reason is missing"):
        answer(publisher, 1, "denied", by="ana", note=" ", at=AT)
