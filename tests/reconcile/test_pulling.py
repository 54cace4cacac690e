"""Full states over real HTTP into the real warehouse: proven, or stored and believed in nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.reconcile.conftest import AS_OF, Partner, a_page, a_state

from syncline.errors import PartnerUnavailable
from syncline.reconcile.client import open_client
from syncline.reconcile.pulling import Pulled, pull

ASKED = datetime(2026, 11, 2, 13, tzinfo=UTC)
NOW = datetime(2026, 11, 2, 13, 1, tzinfo=UTC)
Start = Callable[[list[Any]], Partner]


def pulled(conn: psycopg.Connection, told: Partner, now: datetime = NOW, **limits: int) -> Pulled:
    books = told.books(**limits)
    with open_client(told.connection(), books) as client:
        return pull(conn, client, books, ASKED, now)


def rows(conn: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query.encode()).fetchall()


def exceptions(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "select rule, subject, state from ops.exceptions order by exception_id")


def changed(number: int, **other: Any) -> list[dict[str, Any]]:
    pages = a_state()
    pages[number - 1] = {**pages[number - 1], **other}
    return pages


def test_a_state_that_proves_is_one_snapshot_of_all_its_pages(
    partner: Start, loader: psycopg.Connection, warehouse: psycopg.Connection
) -> None:
    told = partner(a_state())
    result = pulled(loader, told)
    assert (result.is_proven, result.lines, result.pages, result.is_new) == (True, 12, 3, True)
    assert told.asked == [{"as_of": AS_OF, "limit": "5"}, {"page_token": "2"}, {"page_token": "3"}]
    assert rows(warehouse, "select content from raw.documents order by name") == [
        (json.dumps(page).encode(),) for page in a_state()
    ]
    assert rows(
        warehouse,
        "select s.snapshot_id, source, system, locations, measures, recorded, as_of_from, received_at, control_lines,"
        " control_units, read_lines, read_units, declares_complete, is_proven, fault_code,"
        " document_ids = (select array_agg(document_id order by name) from raw.documents),"
        " s.load_id = (select load_id from raw.loads) from raw.snapshots s",
    ) == [
        (result.snapshot_id, "dc1_wms", "wms", ["DC1"], ["on_hand"], AS_OF, ASKED, NOW, 12, 78, 12, 78, True, True,
         None, True, True)
    ]  # fmt: skip
    lines = rows(
        warehouse,
        "select position, item_ref, location_ref, status_ref, lot, uom, quantity, received_at"
        " from raw.snapshot_lines order by item_ref",
    )
    assert lines[6] == ("2:balances[1]", "SKU-0007", "DC1", "on_hand", None, "EA", "7", NOW)
    assert [int(line[6]) for line in lines] == list(range(1, 13))
    assert rows(warehouse, "select count(*) from raw.facts") == [(0,)]
    assert exceptions(warehouse) == []


def test_the_same_state_again_lands_nothing(
    partner: Start, loader: psycopg.Connection, warehouse: psycopg.Connection
) -> None:
    told = partner(a_state())
    first = pulled(loader, told)
    again = pulled(loader, told, NOW + timedelta(minutes=5))
    assert (again.snapshot_id, again.is_new) == (first.snapshot_id, False)
    assert rows(warehouse, "select (select count(*) from raw.loads), (select count(*) from raw.snapshot_lines)") == [
        (1, 12)
    ]


BROKEN = {
    "control_lines": changed(3, balances=a_page(3, [11])["balances"], control={"lines": 12, "units": 66}),
    "control_units": changed(3, control={"lines": 12, "units": 79}),
    "no_control_totals": changed(3, control=None),
    "control_early": changed(2, control={"lines": 12, "units": 78}),
    "page_missing": changed(1, next_page_token="3"),
    "other_as_of": changed(2, as_of="2026-11-02T12:00:00.000Z"),
    "other_scope": changed(2, scope={"locations": ["DC2"], "measures": ["on_hand"]}),
    "no_scope": changed(1, scope=None),
    "out_of_scope": changed(2, balances=[{"sku": "A", "measure": "damaged", "uom": "EA", "quantity": 1}]),
    "line_repeated": changed(2, balances=a_page(1, [1])["balances"]),
    "line_unreadable": changed(2, balances=[*a_page(2, [6])["balances"], {"sku": "A", "quantity": "1e3"}]),
    "page_unreadable": [a_page(1, [1]), b'{"as_of"'],
    "page_refused": [a_page(1, [1]), 410],
    "as_of_future": [{**page, "as_of": "2026-11-02T14:00:00Z"} for page in a_state()],
}


@pytest.mark.parametrize("code", BROKEN)
def test_what_breaks_the_proof_is_stored_and_opens_one_exception_until_a_state_proves(
    partner: Start, loader: psycopg.Connection, warehouse: psycopg.Connection, code: str
) -> None:
    result = pulled(loader, partner(BROKEN[code]))
    assert (result.is_proven, result.fault_code) == (False, code)
    assert rows(warehouse, "select is_proven, fault_code from raw.snapshots") == [(False, code)]
    assert rows(warehouse, "select count(*) = cardinality((select document_ids from raw.snapshots))"
                " from raw.documents") == [(True,)]  # fmt: skip
    again = pulled(loader, partner(BROKEN[code]), NOW + timedelta(minutes=1))
    assert not again.is_new
    assert exceptions(warehouse) == [("snapshot.unproven", "dc1_wms/DC1", "open")]
    detail, step = rows(warehouse, "select detail, next_step from ops.exceptions")[0]
    assert f" {code}: " in detail
    assert "syncline reconcile run --location DC1" in step

    assert pulled(loader, partner(a_state()), NOW + timedelta(minutes=2)).is_proven
    assert exceptions(warehouse) == [("snapshot.unproven", "dc1_wms/DC1", "resolved")]


@pytest.mark.parametrize(
    ("limits", "pages"), [({"pages_max": 2}, 3), ({"lines_max": 7}, 2)], ids=["too many pages", "too many lines"]
)
def test_a_state_without_end_is_read_to_its_limit(
    partner: Start, loader: psycopg.Connection, limits: dict[str, int], pages: int
) -> None:
    told = partner([a_page(number, [1, 1, 1, 1, 1]) for number in range(1, 60)])
    result = pulled(loader, told, **limits)
    assert (result.fault_code, result.pages) == ("state_too_large", pages)


def test_a_page_that_the_server_tags_as_of_another_state(partner: Start, loader: psycopg.Connection) -> None:
    told = partner(a_state())
    told.etags[2] = '"two"'
    assert pulled(loader, told).fault_code == "other_as_of"


def test_nothing_is_stored_of_a_state_that_nobody_answers_for(
    partner: Start, loader: psycopg.Connection, warehouse: psycopg.Connection
) -> None:
    with pytest.raises(PartnerUnavailable) as caught:
        pulled(loader, partner([a_page(1, [1]), 503]))
    assert "503" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert rows(warehouse, "select count(*) from raw.documents") == [(0,)]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"nul", b'{"balances": []}', b'{"balances": {}, "as_of": "2026-11-02T13:00:00Z", "page": 1}',
        b'{"balances": [], "as_of": "2026-11-02", "page": 1}', b'{"balances": [], "as_of": 5, "page": 1}',
        b'{"balances": [], "as_of": "2026-11-02T13:00:00Z", "page": "1"}', b'{"as_of": "\xff"}', b"[" * 100_000,
        b'{"balances": [], "as_of": "2026-11-02T13:00:00Z", "page": 1, "page": 1}',
        b'{"balances": [], "as_of": "2026-11-02T13:00:00Z", "page": 1, "next_page_token": "\\u0000"}',
    ],
)  # fmt: skip
def test_an_answer_that_is_no_page_is_evidence_of_a_state_that_proves_nothing(
    partner: Start, loader: psycopg.Connection, warehouse: psycopg.Connection, content: bytes
) -> None:
    result = pulled(loader, partner([content]))
    assert (result.fault_code, result.recorded) == ("page_unreadable", AS_OF)
    assert rows(warehouse, "select content from raw.documents") == [(content,)]


@pytest.mark.parametrize(
    "row",
    [
        None, {}, {"sku": "A", "measure": "on_hand", "uom": "EA", "quantity": True},
        {"sku": "A", "measure": "on_hand", "uom": "EA", "quantity": 10**16},
        {"sku": "A", "measure": "on_hand", "uom": "EA", "quantity": "NaN"},
        {"sku": "A\x00", "measure": "on_hand", "uom": "EA", "quantity": 1},
        {"sku": "A" * 101, "measure": "on_hand", "uom": "EA", "quantity": 1},
        {"sku": " A", "measure": "on_hand", "uom": "EA", "quantity": 1},
        {"sku": "A", "measure": "on_hand", "uom": "EA", "quantity": 1, "lot": 7},
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_keeps_the_whole_state_from_counting(
    partner: Start, loader: psycopg.Connection, row: Any
) -> None:
    last = {"next_page_token": None, "control": {"lines": 1, "units": 1}}
    assert pulled(loader, partner([a_page(1, [], balances=[row], **last)])).fault_code == "line_unreadable"


def test_fractions_and_lots_are_kept_as_written(
    partner: Start, loader: psycopg.Connection, warehouse: psycopg.Connection
) -> None:
    content = (
        b'{"as_of": "2026-11-02T13:00:00Z", "page": 1, "scope": {"locations": ["DC1"], "measures": ["on_hand"]},'
        b' "balances": [{"sku": "A", "measure": "on_hand", "uom": "CA", "quantity": 1.50, "lot": "L1"},'
        b' {"sku": "A", "measure": "on_hand", "uom": "CA", "quantity": -2, "lot": "L2"}],'
        b' "next_page_token": null, "control": {"lines": 2, "units": -0.5}}'
    )
    assert pulled(loader, partner([content])).is_proven
    assert rows(warehouse, "select lot, quantity from raw.snapshot_lines order by lot") == [
        ("L1", "1.50"),
        ("L2", "-2"),
    ]
    assert rows(warehouse, "select as_of_from, as_of_to from raw.snapshots") == [(ASKED, ASKED + timedelta(seconds=1))]
