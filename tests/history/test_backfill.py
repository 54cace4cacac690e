"""Old data that is loaded today never becomes the latest by that, and asks no target for anything."""

from __future__ import annotations

from collections.abc import Callable

from tests.history.telling import at, released, said, shown, tell
from tests.rereading.network import Warehouse, an_846, edi_source


def test_an_old_file_loaded_today(new_warehouse: Callable[[], Warehouse]) -> None:
    """The site that tells files only: 40 at 16:00 stands, whatever a file of 09:00 says that is found later."""
    ours = new_warehouse()
    item = {"sk": "SKU-0001", "vn": "SKU-0001"}
    shown(ours, "SKU-0001", "DC3", 1, 40, at("15:00"))
    ours.file("new.edi", an_846("R-2", [item | {"on_hand": "40"}], as_of="1100"), edi_source(), at("16:30"))
    done = released(ours, at("16:31"))
    assert (ours.on_hand(), done.pending, done.held) == ({("SKU-0001", "DC3"): 40}, 0, 0)

    ours.file("old.edi", an_846("R-1", [item | {"on_hand": "90"}], as_of="0400"), edi_source(), at("20:00"))
    done = released(ours, at("20:01"))
    assert ours.on_hand() == {("SKU-0001", "DC3"): 40}
    assert (done.pending, done.held, done.versions) == (0, 0, 0)
    assert ours.rows("select count(*) from ops.outbox where target = 'erp'") == [(0,)]
    ((published,),) = ours.rows("select count(*) from ops.published_balances where item = 'SKU-0001'")
    assert published == 1, "the number that was published stands"
    assert ours.rows("select entry, quantity from canonical.ledger order by booked_from") == [
        ("opening", 90), ("reconciling", -50),
    ]  # fmt: skip
    ours.rebuild()
    assert ours.on_hand() == {("SKU-0001", "DC3"): 40}


def test_a_week_of_old_events_behind_a_count(new_warehouse: Callable[[], Warehouse]) -> None:
    """They are in the count: absorbed. One that happened after it moves the number, once, by its own amount."""
    ours = new_warehouse()
    shown(ours, "SKU-0001", "DC1", 1, 100, at("07:00"))
    tell(ours, "dc1_wms", "api", at("08:01"), said("balance", 100, "08:00:00", "count-1"))
    released(ours, at("08:02"))
    old = [said("movement", -n, f"2026-10-2{n}T09:00:00Z", f"old-{n}") for n in range(1, 8)]
    tell(ours, "dc1_wms", "api", at("12:00"), *old)
    done = released(ours, at("12:01"))
    assert (ours.on_hand()["SKU-0001", "DC1"], done.pending, done.held) == (100, 0, 0)
    assert ours.dispositions() == {"absorbed": 7, "applied": 1}
    tell(ours, "dc1_wms", "api", at("12:10"), said("movement", -3, "09:00:00", "late"))
    done = released(ours, at("12:11"))
    assert (ours.on_hand()["SKU-0001", "DC1"], done.pending) == (97, 1)
    assert ours.rows("select quantity from ops.outbox where target = 'erp'") == [(-3,)]
