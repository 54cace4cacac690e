"""Targets get the net difference: what is not sent gives way, what was written under a wrong name waits to go back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from network import Warehouse, an_846, edi_source, minutes

from syncline.outbox.release import release
from syncline.warehouse.connect import connect_dsn

RIGHT = edi_source()
ITEM = {"sk": "SKU-0001", "vn": "SKU-0002", "on_hand": "40"}
KEPT = {"sk": "SKU-0003", "vn": "SKU-0003", "on_hand": "7"}


def erp_shows(ours: Warehouse, item: str, reading_no: int, quantity: int) -> None:
    """What the push of the ERP stores after it read the change list."""
    ours.rows(
        "insert into ops.target_readings (target, item, location, reading_no, quantity, read_at)"
        " values ('erp', %s, 'DC3', %s, %s, %s) returning 1", item, reading_no, quantity, minutes(0),
    )  # fmt: skip


def released(ours: Warehouse, now: datetime) -> None:
    """Resolve what is pending and release it. The gate itself is not what is tested: its verdict is written."""
    batch_id = ours.settle(now, is_released=False)
    ours.rows("insert into ops.gate_results values (%s, 's', 'e', 'critical', true, 0, '{}') returning 1", batch_id)
    with connect_dsn(ours.dsn("publisher")) as publisher:
        assert batch_id is not None
        release(publisher, batch_id, now)


def outbox(ours: Warehouse) -> list[tuple[object, ...]]:
    return ours.rows(
        "select item, quantity, state, reason from ops.outbox where target = 'erp' order by item, created_at"
    )


def test_only_the_net_difference_is_pushed(new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]) -> None:
    """40 of SKU-0001 were taken for SKU-0002, and the correction of that still waits to be sent."""
    ours = new_warehouse()
    for item, quantity in (("SKU-0001", 3), ("SKU-0002", 5), ("SKU-0003", 6)):
        erp_shows(ours, item, 1, quantity)
    ours.file("a.edi", an_846("R-1", [ITEM, KEPT]), edi_source(misread(item_qualifiers=("VN", "SK"))), minutes(0))
    released(ours, minutes(1))
    assert outbox(ours) == [("SKU-0002", 35, "pending", None), ("SKU-0003", 1, "pending", None)]

    ours.reread(RIGHT)
    released(ours, minutes(3))
    assert outbox(ours) == [
        ("SKU-0001", 37, "pending", None),
        ("SKU-0002", 35, "dead", "superseded"),
        ("SKU-0003", 1, "pending", None),
    ]


def test_what_was_written_under_a_wrong_name_is_held_to_go_back(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    """The ERP had 5 of SKU-0002 before we added 35 and others took 2: it should show 3 again, if a person says so."""
    ours = new_warehouse()
    erp_shows(ours, "SKU-0002", 1, 5)
    ours.file("a.edi", an_846("R-1", [ITEM]), edi_source(misread(item_qualifiers=("VN", "SK"))), minutes(0))
    released(ours, minutes(1))
    ((correction,),) = ours.rows("select correction_id from ops.outbox where target = 'erp'")
    for state, tries in (("sent", 1), ("applied", 1)):
        ours.rows(
            "update ops.outbox set state = %s, tries = %s, changed_at = %s,"
            " closed_at = case when %s = 'applied' then %s::timestamptz end where correction_id = %s returning 1",
            state, tries, minutes(2), state, minutes(2), correction,
        )  # fmt: skip
    ours.rows(
        "insert into ops.target_changes (target, position, item, location, kind, delta, quantity_after, correction_id,"
        " changed_at) values ('erp', 2, 'SKU-0002', 'DC3', 'adjustment', 35, 40, %s, %s),"
        " ('erp', 3, 'SKU-0002', 'DC3', 'outside', -2, 38, null, %s) returning 1", correction, minutes(2), minutes(2),
    )  # fmt: skip
    erp_shows(ours, "SKU-0002", 2, 38)
    ours.rows("insert into ops.target_cursors values ('erp', 3, %s) returning 1", minutes(3))

    ours.reread(RIGHT)
    released(ours, minutes(4))
    assert outbox(ours) == [("SKU-0002", 35, "applied", None), ("SKU-0002", -35, "held", "without base")]
