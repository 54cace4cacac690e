"""After a re-read everything derived is as if the documents had been read right at first."""

from __future__ import annotations

from collections.abc import Callable

from loopback_wms import WmsServer, event
from network import Warehouse, an_846, edi_source, minutes, wms_source

from syncline.rereading import Selection, make_plan
from syncline.rereading.diff import difference

RIGHT = edi_source()
MORNING = an_846(
    "R-1", [{"sk": "SKU-0001", "vn": "SKU-0002", "on_hand": "40"}, {"sk": "SKU-0003", "vn": "SKU-0003", "on_hand": "7"}]
)
NOON = an_846("R-2", [{"sk": "SKU-0001", "vn": "SKU-0002", "on_hand": "35"}], as_of="0930")


def feed(into: Warehouse, source: object) -> None:
    into.file("a.edi", MORNING, source, minutes(0))
    into.file("b.edi", NOON, source, minutes(1))


def test_files_read_by_the_wrong_profile(new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]) -> None:
    """The partner's own number (VN) was taken for the item; one file was resolved before the fix, one was not."""
    wrong = edi_source(misread(item_qualifiers=("VN", "SK")))
    ours, fresh = new_warehouse(), new_warehouse()
    ours.file("a.edi", MORNING, wrong, minutes(0))
    ours.settle(minutes(0.5))
    ours.file("b.edi", NOON, wrong, minutes(1))
    assert ours.on_hand() == {("SKU-0002", "DC3"): 40, ("SKU-0003", "DC3"): 7}

    landed = ours.reread(RIGHT, now=minutes(60))
    assert (landed.documents, landed.facts) == (2, 3)
    assert ours.on_hand() == {("SKU-0002", "DC3"): 40, ("SKU-0003", "DC3"): 7}, "nothing is in force before its batch"
    ours.settle(minutes(61))
    feed(fresh, RIGHT)
    fresh.settle(minutes(2))
    assert ours.on_hand() == {("SKU-0001", "DC3"): 35, ("SKU-0003", "DC3"): 7}
    assert ours.hashes() == fresh.hashes()
    assert "conflict" not in ours.dispositions()
    ours.rebuild()
    assert ours.hashes() == fresh.hashes()


def test_twice_changes_nothing_and_the_way_back_is_open(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    wrong = edi_source(misread(item_qualifiers=("VN", "SK")))
    ours = new_warehouse()
    feed(ours, wrong)
    ours.settle(minutes(2))
    as_first_read = ours.hashes()
    assert ours.reread(wrong).load_id is None
    assert ours.reread(RIGHT).load_id is not None
    assert ours.reread(RIGHT).load_id is None, "waiting for its batch it is not landed again"
    ours.settle(minutes(3))
    assert ours.hashes() != as_first_read
    assert ours.reread(RIGHT).load_id is None
    assert ours.settle(minutes(4)) is None

    assert ours.reread(wrong).load_id is not None
    ours.settle(minutes(5))
    assert ours.hashes() == as_first_read


def test_the_difference_is_told_by_line(new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]) -> None:
    ours = new_warehouse()
    feed(ours, edi_source(misread(item_qualifiers=("VN", "SK"))))
    plan = make_plan(ours.loader, RIGHT, Selection())
    found = difference(ours.loader, plan)
    assert (found.documents, found.documents_changed) == (2, 2)
    assert (found.stay, found.change, found.vanish, found.appear) == (1, 2, 0, 0)
    assert [(c.change, c.line_key, c.old, c.new) for c in found.changes] == [
        ("changes", "R-1/1/17", "SKU-0002/BETA-NJ2/on_hand: 40 EA", "SKU-0001/BETA-NJ2/on_hand: 40 EA"),
        ("changes", "R-2/1/17", "SKU-0002/BETA-NJ2/on_hand: 35 EA", "SKU-0001/BETA-NJ2/on_hand: 35 EA"),
    ]
    assert ours.rows("select count(*) from raw.loads") == [(2,)]


def test_a_refused_file_becomes_readable_and_its_exception_closes(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    """N1*WH did not count as the stock location, so the sets were refused; the same bytes came twice."""
    wrong = edi_source(misread(location_entities=("ZL",)))
    ours, fresh = new_warehouse(), new_warehouse()
    for into, source in ((ours, wrong), (fresh, RIGHT)):
        into.file("a.edi", MORNING, source, minutes(0))
        into.file("again.edi", MORNING, source, minutes(1))
        into.settle(minutes(2))
    assert ours.on_hand() == {}
    assert ours.rows("select subject from ops.exceptions where rule = 'file_refused' and state = 'open'") != []
    assert ours.reread(RIGHT).exceptions_closed == 2
    ours.settle(minutes(3))
    assert ours.hashes() == fresh.hashes()
    assert ours.rows("select rule, subject from ops.exceptions where state = 'open'") == []
    assert ours.rows("select status from ops.readings order by status") == [("accepted",), ("duplicate",)]


def test_pages_of_another_site_and_the_pages_that_overlap_them(new_warehouse: Callable[[], Warehouse]) -> None:
    """The registry named the wrong site: its events were faults until somebody corrected it, mid-way."""
    server = WmsServer()
    wrong, right = wms_source("DC2"), wms_source("DC1")
    ours, fresh = new_warehouse(), new_warehouse()
    try:
        events = [event(number, minute=number) for number in range(1, 10)]
        for now, seen, source in ((0, 6, wrong), (2, 7, wrong), (4, 9, right)):
            server.events = events[:seen]
            ours.poll(server, source, minutes(now))
            ours.settle(minutes(now + 1))
            fresh.poll(server, right, minutes(now))
    finally:
        server.close()
    assert ours.on_hand() != {("SKU-0001", "DC1"): 45} or ours.dispositions()["quarantined"]
    ours.reread(right)
    ours.settle(minutes(6))
    fresh.settle(minutes(6))
    assert ours.dispositions() == {"applied": 9}
    assert ours.hashes() == fresh.hashes()
    assert ours.rows("select count(*) from ops.exceptions where state = 'open'") == [(0,)]
