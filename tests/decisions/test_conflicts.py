"""A conflict holds its key until a decision answers it; what is told later is answered by nobody."""

from __future__ import annotations

import psycopg
import pytest
from tests.decisions.lane import Lane, at, movement, told_id

from syncline.decisions import Decision, propose_accept, propose_keep, view
from syncline.errors import TerminalError
from syncline.warehouse.connect import connect_dsn

FIVE, SIX = movement(2, -5, event_key="K"), movement(3, -6, minute=10, event_key="K")
SEVEN = movement(4, -7, minute=20, event_key="K")
ELSEWHERE = movement(9, -1, minute=30)


def keep(lane: Lane, fact: str, hour: int, minute: int = 0) -> Decision:
    return lane.decide(lambda conn: propose_keep(conn, fact, by="anna", at=at(hour, minute), why="recounted"))


def test_keep_moves_the_number_and_lets_its_correction_go(lane: Lane) -> None:
    five, six, seven = told_id(FIVE), told_id(SIX), told_id(SEVEN)
    lane.tell(at(10, 30), FIVE, SIX)
    assert lane.batch(at(10, 31))
    assert (lane.on_hand(), lane.fate(five), lane.fate(six)) == (95, ("applied", None), ("conflict", None))
    assert lane.corrections()["erp"] == (95, "held", "conflict")
    ((detail, next_step),) = lane.rows("select detail, next_step from ops.exceptions where rule = 'conflict'")
    assert detail == f"two bodies under one key: {six} against {five}"
    assert "syncline decide keep" in next_step

    decision = keep(lane, six[:6], 11)
    assert (decision.fact_id, decision.answers) == (six, (five,))
    assert lane.batch(at(11, 1)), "a decision wakes the lane"
    assert (lane.on_hand(), lane.fate(six)) == (94, ("applied", None))
    assert lane.fate(five) == ("conflict", decision.decision_id)
    assert lane.corrections()["erp"] == (94, "pending", None)
    assert lane.open_exceptions() == []
    assert not lane.batch(at(11, 2)), "it is taken once"

    # Another telling after the decision was not seen by who decided: the key waits again. The kept one stays.
    lane.tell(at(12), SEVEN)
    assert lane.batch(at(12, 1))
    assert (lane.on_hand(), lane.fate(seven)) == (94, ("conflict", None))
    assert lane.fate(five) == ("conflict", decision.decision_id)
    assert lane.corrections()["erp"] == (94, "held", "conflict")
    assert lane.open_exceptions() == ["conflict"]

    # A later decision replaces the earlier one.
    last = keep(lane, five, 13)
    assert set(last.answers) == {six, seven}
    assert lane.batch(at(13, 1))
    assert lane.on_hand() == 95
    assert {lane.fate(fact) for fact in (six, seven)} == {("conflict", last.decision_id)}
    assert lane.corrections()["erp"] == (95, "pending", None)
    assert lane.is_its_rebuild()


def test_accept_moves_no_number_and_touches_no_other_key(lane: Lane) -> None:
    six = told_id(SIX)
    lane.tell(at(10, 30), FIVE, SIX)
    lane.tell(at(10, 31), movement(5, -1)._replace(item_ref="SKU-0002"))
    assert lane.batch(at(10, 32))
    ((exception,),) = lane.rows("select exception_id from ops.exceptions where state <> 'resolved'")
    decision = lane.decide(
        lambda conn: propose_accept(conn, [], by="anna", at=at(11), why="typed twice", exception_id=exception)
    )
    assert decision.answers == (six,)
    with lane.transformer() as conn:
        found = view(conn, decision)
    assert [(t.fact_id, t.disposition) for t in found.tellings] == [(six, "conflict")]
    assert [(b.item, b.quantity) for b in found.balances] == [("SKU-0001", 95)]
    assert {(c.target, c.state, c.reason) for c in found.corrections} == {
        ("erp", "held", "conflict"), ("shop", "held", "conflict"),
    }  # fmt: skip
    assert [e.exception_id for e in found.exceptions] == [exception]

    assert lane.batch(at(11, 1))
    assert lane.rows("select item from intermediate.int_touched_cells") == [("SKU-0001",)]
    assert (lane.on_hand(), lane.fate(six)) == (95, ("conflict", decision.decision_id))
    assert lane.corrections()["erp"] == (95, "pending", None)
    assert lane.open_exceptions() == []
    assert lane.is_its_rebuild()


def test_a_statement_that_disagrees_is_accepted(lane: Lane) -> None:
    count = movement(7, 90, minute=50)._replace(kind="balance")
    lane.tell(at(10, 59), ELSEWHERE, count)
    assert lane.batch(at(11))
    assert lane.open_exceptions() == ["discrepancy"]
    ((exception,),) = lane.rows("select exception_id from ops.exceptions where state <> 'resolved'")
    decision = lane.decide(
        lambda conn: propose_accept(conn, [], by="anna", at=at(11), why="known", exception_id=exception)
    )
    assert decision.answers == (told_id(count),)
    assert lane.batch(at(11, 1))
    assert (lane.on_hand(), lane.open_exceptions()) == (90, [])
    # The same key counted wrong again is another statement.
    lane.tell(at(12), movement(8, 80, minute=58)._replace(kind="balance"))
    assert lane.batch(at(12, 1))
    assert lane.open_exceptions() == ["discrepancy"]


def test_a_batch_in_flight_does_not_know_a_decision_taken_meanwhile(lane: Lane) -> None:
    lane.tell(at(10, 30), FIVE, SIX)
    assert lane.batch(at(10, 31))
    lane.tell(at(10, 40), ELSEWHERE)
    opened = lane.open(at(10, 41))
    assert opened is not None
    lane.build(opened)
    keep(lane, told_id(SIX), 10, 42)
    lane.build(opened)  # a task that is cleared
    assert lane.on_hand() == 94  # 100 - 5 - 1
    assert lane.batch(at(10, 43)), "the batch in flight is finished first"
    assert lane.batch(at(10, 44))
    assert lane.on_hand() == 93  # 100 - 6 - 1
    assert lane.rows("select batch_id from ops.batch_decisions") == [(opened + 1,)]


def test_what_tells_nothing_cannot_be_kept(lane: Lane) -> None:
    mute = {
        "is test": movement(5, -5, event_key="K", is_test=True),
        "is quarantined .unmapped_unit": movement(6, -5, event_key="K")._replace(uom="PALLET"),
        "Nothing else is told": ELSEWHERE,
    }
    lane.tell(at(10, 30), FIVE, SIX, *mute.values())
    assert lane.batch(at(10, 31))
    for says, fact in mute.items():
        name = told_id(fact)
        with pytest.raises(TerminalError, match=says):
            keep(lane, name, 11)
        with pytest.raises(TerminalError, match="it is in no conflict and no discrepancy"), lane.transformer() as conn:
            propose_accept(conn, [name], by="anna", at=at(11), why="no")
    with pytest.raises(TerminalError, match="No resolved fact begins with 'ffffff'"):
        keep(lane, "ffffff", 11)
    with pytest.raises(TerminalError, match="The name with --by is missing"), lane.transformer() as conn:
        propose_keep(conn, told_id(SIX), by=" ", at=at(11), why="x")
    assert lane.rows("select count(*) from ops.decisions") == [(0,)]


def test_nobody_edits_a_decision_and_the_loader_cannot_decide(lane: Lane) -> None:
    lane.tell(at(10, 30), FIVE, SIX)
    assert lane.batch(at(10, 31))
    decision = keep(lane, told_id(SIX), 11)
    assert lane.batch(at(11, 1))
    for table in ("decisions", "batch_decisions"):
        for statement in (
            f"update ops.{table} set decision_id = 'x'",
            f"delete from ops.{table}",
            f"truncate ops.{table} cascade",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="insert-only"):
                lane.owner.execute(statement.encode())
    insert = (
        "insert into ops.decisions (decision_id, kind, decided_by, decided_at, why, answers) "
        "values ('mine', 'accept', 'x', now(), 'x', '{f}')"
    )
    for role in ("loader", "publisher", "bi"):
        with (
            connect_dsn(lane.dsn(role)) as conn,
            pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
        ):
            conn.execute(insert)
    # The same id again is the same decision; with another content it is refused.
    again = Decision(decision.decision_id, "keep", "bert", at(12), "twice", fact_id=decision.fact_id)
    assert lane.decide(lambda _: again) == again
    with pytest.raises(TerminalError, match="exists and says something else"):
        lane.decide(lambda _: Decision(decision.decision_id, "keep", "anna", at(11), "x", fact_id=told_id(FIVE)))
    assert lane.rows("select decided_by, fact_id from ops.decisions") == [("anna", told_id(SIX))]
