"""The states of a correction: the same table in Python and in the database, and nothing beside it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.errors import RestrictViolation, UniqueViolation

from bench.warehouse import told_by_the_floor
from syncline.errors import TerminalError
from syncline.outbox.states import MOVES, OPEN, State, move
from syncline.outbox.transitions import lock_outbox, prove, transition
from syncline.warehouse.connect import connect_dsn

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
STATES: tuple[State, ...] = ("pending", "held", "sent", "rejected", "unknown", "applied", "dead")
# The shortest way into each state, from pending.
WAYS: dict[State, tuple[State, ...]] = {
    "pending": (), "held": ("held",), "sent": ("sent",), "rejected": ("sent", "rejected"),
    "unknown": ("sent", "unknown"),
    "applied": ("applied",), "dead": ("dead",),
}  # fmt: skip


def put(conn: psycopg.Connection, correction_id: str = "c1", item: str = "SKU-0001", state: str = "pending") -> str:
    told_by_the_floor(conn)
    conn.execute(
        "insert into ops.batches (batch_id, as_of, state) overriding system value values (1, %s, 'released') on "
        "conflict do nothing",
        (AT,),
    )
    conn.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, "
        "shown, quantity, "
        "state, batch_id, created_at, changed_at, fact_id) values (%s, 'erp', %s, 'DC1', 1, 1, 'delta', 12, 10, 2, "
        "%s, 1, %s, %s, 'floor')",
        (correction_id, item, state, AT, AT),
    )
    return correction_id


def bring(conn: psycopg.Connection, to: State) -> str:
    correction_id, state = put(conn), "pending"
    for step in WAYS[to]:
        lease = AT + timedelta(seconds=10) if step == "sent" else None
        assert transition(conn, correction_id, state, step, at=AT, try_no=1, lease_until=lease)  # type: ignore[arg-type]
        state = step
    return correction_id


def test_the_database_holds_the_same_moves(warehouse: psycopg.Connection) -> None:
    stored = warehouse.execute("select from_state, to_state, tried from ops.outbox_moves").fetchall()
    assert set(stored) == {(m.from_, m.to, m.tried) for m in MOVES}


@pytest.mark.parametrize(("from_", "to"), [pair for pair in itertools.permutations(STATES, 2) if move(*pair) is None])
def test_a_move_outside_the_table_is_refused_here_and_there(
    warehouse: psycopg.Connection, from_: State, to: State
) -> None:
    correction_id = bring(warehouse, from_)
    with pytest.raises(TerminalError, match=f"{from_} to {to} is not a move"):
        transition(warehouse, correction_id, from_, to, at=AT)
    with pytest.raises(RestrictViolation):
        warehouse.execute("update ops.outbox set state = %s where correction_id = %s", (to, correction_id))


@pytest.mark.parametrize("from_", ["pending", "held", "sent", "rejected", "unknown", "dead"])
def test_proof_is_taken_in_any_state_and_once(warehouse: psycopg.Connection, from_: State) -> None:
    correction_id = bring(warehouse, from_)
    assert prove(warehouse, correction_id, at=AT)
    assert not prove(warehouse, correction_id, at=AT)
    assert warehouse.execute("select state, closed_at from ops.outbox").fetchall() == [("applied", AT)]


def test_a_late_answer_of_an_earlier_try_changes_nothing(
    warehouse: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    correction_id = bring(warehouse, "unknown")
    assert transition(warehouse, correction_id, "unknown", "pending", at=AT)
    assert transition(warehouse, correction_id, "pending", "sent", at=AT, lease_until=AT + timedelta(seconds=10))
    assert not transition(warehouse, correction_id, "sent", "rejected", at=AT, try_no=1)
    assert "refused" in caplog.text
    assert warehouse.execute("select state, tries from ops.outbox").fetchall() == [("sent", 2)]
    assert transition(warehouse, correction_id, "sent", "rejected", at=AT, try_no=2)


def test_nobody_but_the_holder_ends_a_try_before_its_lease(warehouse: psycopg.Connection) -> None:
    correction_id = bring(warehouse, "sent")
    assert not transition(warehouse, correction_id, "sent", "unknown", at=AT + timedelta(seconds=9))
    assert transition(warehouse, correction_id, "sent", "unknown", at=AT + timedelta(seconds=10))


def test_after_a_try_a_hold_is_not_simply_let_go(warehouse: psycopg.Connection) -> None:
    correction_id = bring(warehouse, "unknown")
    assert transition(warehouse, correction_id, "unknown", "held", at=AT)
    assert not transition(warehouse, correction_id, "held", "pending", at=AT)
    with pytest.raises(RestrictViolation):
        warehouse.execute("update ops.outbox set state = 'pending'")
    assert transition(warehouse, correction_id, "held", "dead", at=AT, reason="denied")


def test_a_correction_is_its_body(warehouse: psycopg.Connection) -> None:
    put(warehouse)
    for column in ("quantity = 3", "item = 'SKU-0002'", "reading_no = 2", "expected_version = '4'", "tries = 1"):
        with pytest.raises(RestrictViolation):
            warehouse.execute(f"update ops.outbox set {column}")


def test_one_open_correction_for_each_key(warehouse: psycopg.Connection) -> None:
    put(warehouse)
    with pytest.raises(UniqueViolation):
        warehouse.execute(
            "insert into ops.outbox select 'c2', target, item, location, 2, reading_no, kind, wanted, shown, "
            "quantity, expected_version, "
            "state, reason, batch_id, tries, not_before, lease_until, lease_holder, created_at, changed_at, "
            "closed_at, document_id, event, fact_id from ops.outbox"
        )
    with pytest.raises(RestrictViolation):
        put(warehouse, "c3", "SKU-0003", "sent")
    assert set(OPEN) | {"applied", "dead"} == set(STATES)


def test_the_lock_is_had_when_the_call_returns_also_in_a_pipeline(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    """An instant taken before the wait would end a lease, or close a correction, before what it says happened."""
    had = threading.Event()

    def wait() -> None:
        with connect_dsn(warehouse_dsn("publisher")) as other, other.pipeline(), other.transaction():
            lock_outbox(other, "erp")
            had.set()

    with warehouse.transaction():
        lock_outbox(warehouse, "erp")
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not had.wait(0.5)
    assert had.wait(10)
    waiting.join()
