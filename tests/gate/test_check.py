"""The gate with real Great Expectations on a real table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncline.errors import BatchHeld, ConfigurationError, TerminalError
from syncline.gate import check as gate
from syncline.gate.suite import load_suite
from syncline.home import project_root
from syncline.outbox.release import release
from syncline.warehouse.connect import connect_dsn

TARGETS = ("erp", "shop")
SUITE = project_root() / "expectations" / "candidate_corrections.yml"


def check(dsn: str, conn: psycopg.Connection, batch_id: int, **rest: Any) -> gate.GateVerdict:
    return gate.check(dsn, conn, batch_id, TARGETS, **rest)


@pytest.fixture
def publisher(warehouse_dsn: Callable[[str], str], candidates: None) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as connection:
        yield connection


@pytest.fixture
def batch(warehouse: psycopg.Connection) -> int:
    """Open batch with three good candidates."""
    row = warehouse.execute(
        "insert into ops.batches (as_of, state) values ('2026-11-02T10:00Z', 'built') returning batch_id"
    ).fetchone()
    assert row is not None
    for number in (1, 2, 3):
        put(warehouse, row[0], item=f"SKU-{number:04}")
    return int(row[0])


def put(conn: psycopg.Connection, batch: int, **changes: Any) -> None:
    """One candidate with its reading and a tolerance of 50 units; ``changes`` make it bad."""
    row: dict[str, Any] = {
        "batch_id": batch, "target": "erp", "item": "SKU-0009", "location": "DC1", "item_class": "A", "wanted": 12,
        "shown": 10, "reading_no": 1, "expected_version": None, "in_flight": 0, "kind": "delta", "hold_reason": None,
        "is_open": False, "units_max": 50, "fact_id": "floor",
    } | changes  # fmt: skip
    if "delta" not in row:
        row["delta"] = None if None in (row["wanted"], row["shown"]) else row["wanted"] - row["shown"]
    conn.execute(
        "insert into canonical.candidate_corrections (batch_id, target, item, location, item_class, wanted, shown, "
        "reading_no, expected_version, in_flight, delta, kind, hold_reason, is_open, units_max, fact_id) values "
        "(%(batch_id)s, %(target)s, %(item)s, %(location)s, %(item_class)s, %(wanted)s, %(shown)s, %(reading_no)s, "
        "%(expected_version)s, %(in_flight)s, %(delta)s, %(kind)s, %(hold_reason)s, %(is_open)s, %(units_max)s, "
        "%(fact_id)s)",
        row,
    )
    if row["shown"] is not None and row["reading_no"] is not None and row["target"]:
        conn.execute(
            "insert into ops.target_readings values (%(target)s, %(item)s, %(location)s, %(reading_no)s, "
            "%(shown)s, null, "
            "'2026-11-02T09:00Z') on conflict do nothing",
            row | {"item": row["item"] or "-", "location": row["location"] or "-"},
        )


def test_a_good_batch_passes_and_is_released(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int
) -> None:
    put(warehouse, batch, item="SKU-0100", wanted=100, shown=0, hold_reason="conflict")
    verdict = check(warehouse_dsn("publisher"), publisher, batch)
    assert (verdict.failed, verdict.held_rows) == ({}, 0)
    stored = warehouse.execute(
        "select count(*), bool_and(success) from ops.gate_results where batch_id = %s", (batch,)
    ).fetchone()
    assert stored == (verdict.checked, True)
    done = release(publisher, batch, warehouse.execute("select as_of from ops.batches").fetchall()[0][0])
    assert (done.pending, done.held) == (3, 1)


def test_failing_rows_are_held_with_their_reason_and_the_others_flow(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int
) -> None:
    put(warehouse, batch, item="SKU-0010", wanted=-1)
    put(warehouse, batch, item="SKU-0011", wanted=61)
    put(warehouse, batch, item="SKU-0012", shown=None, reading_no=None)
    put(warehouse, batch, item="SKU-0013", target="shop", kind="set")
    verdict = check(warehouse_dsn("publisher"), publisher, batch)
    assert verdict.failed == {"wanted_not_negative": 1, "inside_tolerance": 1, "shown_known": 1, "set_has_compare": 1}
    assert warehouse.execute("select item, reason from ops.gate_held order by 1").fetchall() == [
        ("SKU-0010", "negative"), ("SKU-0011", "above tolerance"), ("SKU-0012", "no reading"),
        ("SKU-0013", "set without compare"),
    ]  # fmt: skip
    again = check(warehouse_dsn("publisher"), publisher, batch)
    assert (again.failed, again.held_rows) == (verdict.failed, 4), "clearing the task changes nothing"
    as_of = warehouse.execute("select as_of from ops.batches").fetchall()[0][0]
    release(publisher, batch, as_of)
    assert warehouse.execute("select item, state, reason from ops.outbox order by item").fetchall() == [
        ("SKU-0001", "pending", None), ("SKU-0002", "pending", None), ("SKU-0003", "pending", None),
        ("SKU-0010", "held", "negative"), ("SKU-0011", "held", "above tolerance"),
        ("SKU-0013", "held", "set without compare"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("compare", "version", "is_sole_writer", "is_held"),
    [
        ("version", None, False, True), ("version", "7", False, False), ("value", None, False, False),
        ("none", None, False, True), ("none", "7", False, True), ("none", None, True, False),
    ],
)  # fmt: skip
def test_a_set_is_held_unless_the_target_compares_or_nobody_else_writes(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int,
    compare: str, version: str | None, is_sole_writer: bool, is_held: bool,
) -> None:  # fmt: skip
    warehouse.execute(
        "insert into ops.target_traits values ('shop', 'set', %s, false, %s, '2026-11-02T09:00Z')",
        (compare, is_sole_writer),
    )
    put(warehouse, batch, item="SKU-0013", target="shop", kind="set", expected_version=version)
    verdict = check(warehouse_dsn("publisher"), publisher, batch)
    assert verdict.failed == ({"set_has_compare": 1} if is_held else {})


def test_more_rows_than_the_library_reports_are_all_held(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int
) -> None:
    for number in range(260):
        put(warehouse, batch, item=f"MANY-{number:04}", wanted=-1, shown=10)
    verdict = check(warehouse_dsn("publisher"), publisher, batch)
    assert verdict.failed == {"wanted_not_negative": 260}
    assert verdict.held_rows == 260


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("item_known", {"item": None}),
        ("wanted_known", {"wanted": None}),
        ("only_this_batch", {"batch_id": 999}),
        ("target_is_ours", {"target": "billing"}),
        ("kind_fits_target", {"kind": "set"}),
        ("delta_adds_up", {"delta": 7}),
        ("one_row_per_key", {"item": "SKU-0001"}),
        ("shown_is_its_reading", {"reading_no": None, "shown": None}),
    ],
)
def test_a_critical_failure_holds_the_batch_until_the_cause_is_gone(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int,
    rule: str, changes: dict[str, Any],
) -> None:  # fmt: skip
    warehouse.execute("insert into ops.target_traits values ('erp', 'delta', 'none', true, true, '2026-11-02T09:00Z')")
    put(warehouse, batch, **changes)
    if rule == "shown_is_its_reading":
        warehouse.execute(
            "update canonical.candidate_corrections set shown = 5, delta = wanted - 5, reading_no = 8 where item "
            "= 'SKU-0009'"
        )
    with pytest.raises(BatchHeld, match=rule):
        check(warehouse_dsn("publisher"), publisher, batch)
    state, note = warehouse.execute("select state, note from ops.batches").fetchall()[0]
    assert state == "held"
    assert rule in note
    assert warehouse.execute("select rule, subject from ops.exceptions where state = 'open'").fetchall() == [
        ("gate.critical", f"batch {batch}")
    ]
    as_of = warehouse.execute("select as_of from ops.batches").fetchall()[0][0]
    with pytest.raises(BatchHeld, match="held by the gate"):
        release(publisher, batch, as_of)
    assert warehouse.execute("select count(*) from ops.outbox").fetchone() == (0,)

    warehouse.execute(
        "delete from canonical.candidate_corrections where ctid = (select max(ctid) from "
        "canonical.candidate_corrections)"
    )
    assert check(warehouse_dsn("publisher"), publisher, batch).failed == {}
    assert warehouse.execute("select state, note from ops.batches").fetchall() == [("built", None)]
    assert warehouse.execute("select state from ops.exceptions").fetchall() == [("resolved",)]
    assert release(publisher, batch, as_of).pending == 3


def test_a_rule_that_cannot_be_evaluated_is_critical(
    publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int, tmp_path: Path
) -> None:
    suite = tmp_path / "suite.yml"
    suite.write_text(
        "suite: broken\nexpectations:\n- {name: crash, type: UnexpectedRowsExpectation, severity: info, "
        "arguments: {unexpected_rows_query: 'select no_such_column from {batch}'}}\n"
    )
    with pytest.raises(BatchHeld, match="crash could not be evaluated"):
        check(warehouse_dsn("publisher"), publisher, batch, suite_path=suite)


def test_a_released_batch_is_not_judged_again(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int
) -> None:
    first = check(warehouse_dsn("publisher"), publisher, batch)
    release(publisher, batch, warehouse.execute("select as_of from ops.batches").fetchall()[0][0])
    warehouse.execute("update canonical.candidate_corrections set batch_id = batch_id + 1, delta = 9")
    again = check(warehouse_dsn("publisher"), publisher, batch)
    assert again.already
    assert (again.failed, again.checked) == (first.failed, first.checked)


def test_an_empty_batch_passes(
    warehouse: psycopg.Connection, publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str], batch: int
) -> None:
    warehouse.execute("truncate canonical.candidate_corrections")
    assert check(warehouse_dsn("publisher"), publisher, batch).failed == {"batch_not_empty": 0}


def test_an_unknown_batch_is_an_error(publisher: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> None:
    with pytest.raises(TerminalError, match="Batch 77 does not exist"):
        check(warehouse_dsn("publisher"), publisher, 77)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("suite: x", "expectations"),
        ("suite: x1\nexpectations:\n- {name: a1, type: ExpectX, severity: fatal}", "severity"),
        ("suite: x1\nexpectations:\n- {name: a1, type: ExpectX, severity: warning, holds: why}", "holds"),
        (
            "suite: x1\nexpectations:\n- {name: a1, type: ExpectX, severity: info}\n- "
            "{name: a1, type: ExpectY, severity: info}",
            "used twice: a1",
        ),
        ("suite: [", "suite.yml"),
    ],
)
def test_a_wrong_suite_names_its_fault(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "suite.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_suite(path)


def test_our_suite_loads() -> None:
    assert load_suite(SUITE).suite == "candidate_corrections"
