"""Which documents a narrowed run takes along, what a stopped one leaves, and what later pulls know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from loopback_wms import WmsServer, event
from network import Warehouse, an_846, edi_source, minutes, wms_source

from syncline.errors import ConfigurationError, RetryableError, WarehouseUnavailable
from syncline.landing.lane import source_lane
from syncline.rereading import Selection, make_plan, reread
from syncline.warehouse.connect import connect_dsn

RIGHT = edi_source()
ITEM = {"sk": "SKU-0001", "vn": "SKU-0002", "on_hand": "40"}


@pytest.fixture
def wms() -> Iterator[WmsServer]:
    server = WmsServer()
    yield server
    server.close()


def count(warehouse: Warehouse, table: str) -> int:
    return warehouse.rows(f"select count(*) from {table}")[0][0]


def test_pages_that_tell_the_same_records_come_along(new_warehouse: Callable[[], Warehouse], wms: WmsServer) -> None:
    """Only the second poll is asked for; the first holds faults of its records, the third repeats them."""
    ours = new_warehouse()
    right, wrong = wms_source("DC1"), wms_source("DC2")
    wms.events = [event(1, minute=1), event(2, minute=2)]
    for number in (0, 1, 2):
        ours.poll(wms, wrong, minutes(number))
        wms.events.append(event(number + 3, minute=number + 3))
    (middle,) = ours.rows("select document_id from raw.documents where received_at = %s", minutes(1))
    plan = make_plan(ours.loader, right, Selection(document_ids=middle))
    assert plan.joined == 2
    assert [len(each.fact_ids) for each in plan.changed] == [2, 1, 1]
    assert (len(plan.vanished), len(plan.appeared)) == (4, 4)
    unchanged = make_plan(ours.loader, wrong, Selection(document_ids=middle))
    assert (unchanged.joined, unchanged.changed) == (0, [])


def test_a_fact_that_only_an_unread_document_repeats_is_not_lost(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    """The same line was in two files; the second telling was known, so it was left out."""
    ours = new_warehouse()
    ours.file("a.edi", an_846("R-1", [ITEM | {"uom": ""}]), edi_source(misread(default_uom="EA")), minutes(0))
    ours.file("b.edi", an_846("R-1", [ITEM, ITEM | {"sk": "SKU-0009"}]), RIGHT, minutes(1))
    assert count(ours, "raw.facts") == 2
    plan = make_plan(ours.loader, RIGHT, Selection(received_to=minutes(0.5)))
    assert (plan.joined, [len(each.fact_ids) for each in plan.changed]) == (1, [1, 2])
    assert [fact.fault_code for fact in plan.appeared.values()] == ["uom_missing"]
    assert plan.vanished == set(), "the second file tells it now"


def test_stopped_in_the_middle_nothing_is_written_and_the_next_run_finishes(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    ours = new_warehouse()
    ours.file("a.edi", an_846("R-1", [ITEM]), edi_source(misread(item_qualifiers=("VN", "SK"))), minutes(0))
    before = [count(ours, table) for table in ("raw.facts", "raw.loads", "ops.readings")]

    def kill(pid: int) -> None:
        while not ours.rows("select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'", pid):
            time.sleep(0.02)
        ours.rows("select pg_terminate_backend(%s)", pid)

    with connect_dsn(ours.dsn("loader")) as victim, connect_dsn(ours.owner_dsn) as holder:
        killer = threading.Thread(target=kill, args=[victim.info.backend_pid])
        with holder.transaction():
            holder.execute("lock table ops.readings in exclusive mode")  # its facts are copied, its readings wait
            killer.start()
            with pytest.raises(WarehouseUnavailable):
                reread(victim, RIGHT, Selection(), minutes(5), "test")
        killer.join()
    assert [count(ours, table) for table in ("raw.facts", "raw.loads", "ops.readings")] == before
    assert ours.reread(RIGHT).facts == 1


def test_what_a_replaced_reading_told_is_not_known_any_more(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    """The wrong reading named SKU-0002. Later the partner really says so, on the same line."""
    ours = new_warehouse()
    ours.file("a.edi", an_846("R-1", [ITEM]), edi_source(misread(item_qualifiers=("VN", "SK"))), minutes(0))
    ours.reread(RIGHT)
    told = ours.file("b.edi", an_846("R-1", [{"sk": "SKU-0002", "vn": "X", "on_hand": "40"}]), RIGHT, minutes(1))
    assert (told.facts, told.known) == (1, 0)
    again = ours.file("c.edi", an_846("R-1", [ITEM | {"vn": "Y"}]), RIGHT, minutes(2))
    assert (again.facts, again.known) == (0, 1)


def test_what_a_person_saw_is_what_is_written(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    wrong = edi_source(misread(item_qualifiers=("VN", "SK")))
    ours = new_warehouse()
    ours.file("a.edi", an_846("R-1", [ITEM]), wrong, minutes(0))
    seen = make_plan(ours.loader, RIGHT, Selection()).digest
    ours.file("b.edi", an_846("R-2", [ITEM]), wrong, minutes(1))
    with pytest.raises(RetryableError, match="came in since"):
        reread(ours.loader, RIGHT, Selection(), minutes(5), "test", expected=seen)
    refused = pytest.raises(RetryableError, match="being read")
    with connect_dsn(ours.dsn("loader")) as reader, source_lane(reader, RIGHT.name), refused:
        ours.reread(RIGHT)
    assert count(ours, "ops.readings") == 0


def test_an_unknown_document_is_named(new_warehouse: Callable[[], Warehouse]) -> None:
    with pytest.raises(ConfigurationError, match="'beef'"):
        make_plan(new_warehouse().loader, RIGHT, Selection(document_ids=("beef",)))
