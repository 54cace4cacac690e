"""Stock that was taken before anybody told that it came: kept, withheld from the ERP, and asked for after a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.resolve.lane import HOLD_S, NOON, Lane, at, counted, moved

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.resolve.hashes import derived_hashes

SUBJECT = "SKU-0001/DC1/on_hand"
OVER = HOLD_S / 60 + 1  # minutes after the adjustment at which its window is over
OUTBOX = "select wanted, quantity, state, reason from ops.outbox where target = 'erp' order by created_at, to_version"


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    """Counted 0 at noon, which the ERP shows too; 5 taken a minute later."""
    made = Lane(warehouse, warehouse_dsn, tmp_path)
    made.show(0)
    made.tell(0, counted(1, -10, 0))
    made.batch(0)
    made.tell(1, moved(3, 0.5, -5))
    made.batch(1)
    return made


def test_it_is_kept_and_withheld_at_once(lane: Lane) -> None:
    assert lane.rows("select quantity from canonical.balances") == [(-5,)]
    assert lane.rows("select entry, quantity from canonical.ledger order by booked_from") == [
        ("opening", 0), ("movement", -5)
    ]  # fmt: skip
    assert lane.rows(OUTBOX) == [(-5, -5, "held", "negative")]
    assert lane.rows("select rule, subject, due_at, ended_at from ops.suspicions") == [
        ("missing_receipt", SUBJECT, at(1 + HOLD_S / 60), None)
    ]
    assert lane.rows("select due_at from ops.key_triggers where batch_id is null") == [(at(1 + HOLD_S / 60),)]
    assert lane.exceptions("missing_receipt") == []


def test_a_receipt_inside_the_window_raises_nothing_and_the_net_is_pushed_once(lane: Lane) -> None:
    lane.tell(20, moved(2, 0.2, 12))
    lane.batch(20)
    assert lane.rows(OUTBOX) == [(-5, -5, "dead", "superseded"), (7, 7, "pending", None)]
    assert lane.batch(OVER), "the due row is drained although the cause is gone"
    assert not lane.batch(OVER + 60)
    assert lane.exceptions("missing_receipt") == []
    assert lane.rows("select ended_at from ops.suspicions") == [(at(20),)]
    assert lane.rows(OUTBOX) == [(-5, -5, "dead", "superseded"), (7, 7, "pending", None)]


def test_after_the_window_it_is_one_exception_that_closes_itself(lane: Lane) -> None:
    assert not lane.batch(OVER - 2)
    assert lane.batch(OVER)
    assert lane.exceptions("missing_receipt") == [(SUBJECT, "open")]
    ((detail, step),) = lane.rows("select detail, next_step from ops.exceptions where rule = 'missing_receipt'")
    for words in ("the number is -5", "dc1_wms T-3/1: -5 at 2026-11-02T12:00:30Z", "since 2026-11-02T12:01:00Z"):
        assert words in detail
    assert "Ask dc1_wms for the receipt" in step
    assert lane.rows(OUTBOX) == [(-5, -5, "held", "negative")], "still withheld"

    lane.tell(90, moved(4, 89, -1))
    lane.batch(90)
    assert lane.exceptions("missing_receipt") == [(SUBJECT, "open")], "one, however often it is looked at"
    lane.tell(100, moved(2, 0.2, 12))
    lane.batch(100)
    assert lane.exceptions("missing_receipt") == [(SUBJECT, "resolved")]
    assert lane.rows(OUTBOX)[-1] == (6, 6, "pending", None)
    assert [row for row in lane.rows(OUTBOX) if row[2] == "pending"] == [(6, 6, "pending", None)]


@pytest.mark.deep
def test_below_zero_again_is_another_window(lane: Lane) -> None:
    lane.tell(10, moved(2, 0.2, 5))
    lane.batch(10)
    lane.tell(20, moved(4, 19, -2))
    lane.batch(20)
    assert lane.batch(OVER)
    assert lane.exceptions("missing_receipt") == []
    assert lane.batch(20 + HOLD_S / 60)
    assert lane.exceptions("missing_receipt") == [(SUBJECT, "open")]


def test_another_key_is_not_kept_waiting(lane: Lane) -> None:
    lane.owner.execute("insert into ops.target_readings values ('erp', 'SKU-0002', 'DC1', 1, 3, null, %s)", (NOON,))
    lane.tell(2, moved(5, 1.5, 9, kind="balance", item_ref="SKU-0002"))
    lane.batch(2)
    assert lane.rows("select state from ops.outbox where item = 'SKU-0002' and target = 'erp'") == [("pending",)]


@pytest.mark.deep
def test_taken_before_any_base_waits_the_same_way(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    lane = Lane(warehouse, warehouse_dsn, tmp_path)
    lane.show(0)
    lane.tell(1, moved(3, 0.5, -5))
    lane.batch(1)
    assert lane.rows(OUTBOX) == [(-5, -5, "held", "without base")]
    assert lane.batch(OVER)
    assert lane.exceptions("missing_receipt") == [(SUBJECT, "open")]


@pytest.mark.deep
def test_the_window_is_configuration(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    lane = Lane(warehouse, warehouse_dsn, tmp_path)
    rows = read_folder(project_root() / "dbt_project" / "seeds")
    for row in rows["sources"]:
        row.update(hold_s=600, lag_s=60 if row["source"] == "dc1_wms" else 0)
    apply(warehouse, rows, NOON, "test")
    lane.tell(1, moved(3, 0.5, -5))
    lane.batch(1)
    assert lane.rows("select due_at - noticed_at from ops.suspicions") == [(timedelta(seconds=660),)]


def test_a_lot_below_zero_withholds_the_sum_from_the_erp(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    lane = Lane(warehouse, warehouse_dsn, tmp_path)
    rows = read_folder(project_root() / "dbt_project" / "seeds")
    for row in rows["ownership_rules"]:
        row["grain"] = "lot"
    apply(warehouse, rows, NOON, "test")
    lane.show(0)
    lane.tell(1, moved(1, -9, 10, kind="balance", lot="L1"), moved(2, -9, 0, kind="balance", lot="L2"))
    lane.tell(2, moved(3, 0.5, -3, lot="L2"))
    lane.batch(2)
    assert lane.rows(OUTBOX) == [(7, 7, "held", "negative")]
    assert lane.rows("select subject from ops.suspicions") == [(f"{SUBJECT}/L2",)]


def test_a_rebuild_changes_neither_the_rows_nor_what_is_asked(lane: Lane) -> None:
    from syncline import resolve
    from syncline.warehouse.connect import connect_dsn

    lane.batch(OVER)
    before, asked = (
        derived_hashes(lane.owner),
        lane.rows("select rule, subject, state from ops.exceptions order by 1, 2"),
    )
    with connect_dsn(lane.dsn("transformer")) as transformer:
        resolve.rebuild(transformer, lane.dsn("transformer"), lane.target)
    assert derived_hashes(lane.owner) == before
    assert lane.rows("select rule, subject, state from ops.exceptions order by 1, 2") == asked
    assert lane.rows("select count(*) from ops.suspicions") == [(1,)]
