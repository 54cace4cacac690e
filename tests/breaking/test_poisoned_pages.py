"""Every page of a poll holds a broken record of every kind: what is good lands, what is broken waits, nothing stops."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from tests.breaking.raw_server import Call, RawServer, answer
from tests.sources.wms_api.loopback_wms import DAY, event

from syncline.connections import Connection
from syncline.errors import PartnerContractBroken
from syncline.registry import Source
from syncline.sources import wms_api
from syncline.warehouse.connect import connect_dsn

NOW = DAY + timedelta(hours=12)
PAGES = 4
GOOD = 10  # of each page
SOURCE = Source(name="dc1_wms", kind="wms_api", site="DC1", timeout_s=30, retries=0, overlap_s=120, page_limit=100)
LINE = {"line": 1, "sku": "A", "uom": "EA", "quantity": 5, "condition": "good", "reason": "purchase"}
Serve = Callable[..., RawServer]


def poison(page: int) -> list[tuple[str, str]]:
    """(code, record as JSON text) of one broken record of every kind, another one on each page."""

    def told(number: int, **changes: Any) -> str:
        return json.dumps(event(page * 100 + 50 + number, minute=page, **changes))

    def line(number: int, **changes: Any) -> str:
        return told(number, lines=[LINE | changes])

    broken = "event_breaks_schema"
    return [
        ("event_not_object", f'"page {page}"'),
        ("event_not_object", f"[{page}]"),
        ("event_not_object", f"{page}.5"),
        ("event_not_object", told(1).replace('"sequence"', '"site": "DC1", "sequence"')),
        ("event_type_unknown", told(2, type="inventory.vanished")),
        ("event_version_unknown", told(3, version=9)),
        ("site_mismatch", told(4, site="DC9")),
        ("posted_at_unreadable", told(5, posted_at="2026-02-30T10:00:00Z")),
        ("line_repeated", told(6, lines=[LINE, LINE])),
        (broken, told(7, lines=[])),
        (broken, told(8, sequence=10**19)),
        (broken, told(9, event_id="a\nb")),
        (broken, told(10, posted_at="2026-11-02T10:00:00")),
        (broken, told(11, transaction_id="x" * 500)),
        (broken, line(12, quantity="5")),
        (broken, line(13, quantity=10**30)),
        (broken, line(14, quantity=1.5)),
        (broken, line(15, sku="a\x00b")),
        (broken, line(16, sku="\ud800")),
        (broken, line(17, quantity=None)),
        (broken, line(18).replace('"quantity": 5', '"quantity": NaN')),
        (broken, line(19).replace('"quantity": 5', f'"quantity": {"9" * 5_000}')),
        (broken, line(20).replace('"quantity": 5', '"quantity": ' + "[" * 400 + "]" * 400)),
    ]


def good(page: int) -> list[str]:
    return [json.dumps(event(page * 100 + number, minute=page + number / 60)) for number in range(GOOD)]


def records(page: int) -> list[str]:
    """Good and broken ones in turn; the last one is good, so the next page begins behind it."""
    broken = [record for _, record in poison(page)]
    fine = good(page)
    return [*fine[:3], *broken[:9], *fine[3:-1], *broken[9:], fine[-1]]


def paged(call: Call) -> None:
    """The page behind the event that the request names."""
    after = re.search(rb"after_id=([^& ]*)", call.request)
    assert after is not None
    last = unquote(after.group(1).decode())
    page = int(last.removeprefix("DC1-")) // 100 + 1 if last else 0
    more = "true" if page < PAGES - 1 else "false"
    content = ", ".join(records(page)) if page < PAGES else ""
    call.send(answer(f'{{"events": [{content}], "has_more": {more}}}'.encode()))


@pytest.fixture
def loader(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("loader")) as connection:
        yield connection


@contextmanager
def client(server: RawServer, source: Source = SOURCE) -> Iterator[wms_api.WmsClient]:
    with wms_api.open_client(Connection("dc1_wms", "http", "127.0.0.1", server.port, password="x"), source) as opened:
        yield opened


def test_a_poisoned_record_of_every_kind_on_every_page(loader: psycopg.Connection, serve: Serve) -> None:
    server = serve(paged)
    with client(server) as opened:
        result = wms_api.pull(loader, opened, SOURCE, NOW)
    kinds = poison(0)
    assert (result.facts, result.faults, result.documents) == (PAGES * GOOD, PAGES * len(kinds), PAGES)
    assert result.is_complete
    wanted = sorted(
        (f"after_id={'' if page == 0 else f'DC1-{page * 100 - 100 + GOOD - 1:08d}'}&", code, f"events[{index}]")
        for page in range(PAGES)
        for code, record in poison(page)
        for index in [records(page).index(record)]
    )
    stored = loader.execute(
        "select substring(d.name from 'after_id=[^&]*&'), f.fault_code, f.position from raw.facts f"
        " join raw.documents d using (document_id) where f.fault_code is not null"
    ).fetchall()
    assert sorted(stored) == wanted
    details = loader.execute("select fault_detail from raw.facts where fault_code is not null").fetchall()
    assert all(detail.isprintable() and detail.isascii() for (detail,) in details)
    assert loader.execute("select distinct status from raw.documents").fetchall() == [("partial",)]
    last = f"DC1-{(PAGES - 1) * 100 + GOOD - 1:08d}"
    cursor, polled_at = loader.execute("select cursor, polled_at from ops.source_cursors").fetchone()  # type: ignore[misc]
    assert (cursor["event_id"], set(cursor), polled_at) == (last, {"posted_at", "event_id", "furthest"}, NOW)
    # One exception a kind, and it names the first record of that kind.
    exceptions = loader.execute("select subject, detail from ops.exceptions order by subject").fetchall()
    codes = sorted({code for code, _ in kinds})
    assert [subject for subject, _ in exceptions] == [f"dc1_wms/{code}" for code in codes]
    for (_, detail), code in zip(exceptions, codes, strict=True):
        first = min(records(0).index(record) for each, record in kinds if each == code)
        assert detail.startswith(f"First seen at events[{first}]: ")


def test_the_same_poison_again_is_known(loader: psycopg.Connection, serve: Serve) -> None:
    everything = SOURCE.model_copy(update={"overlap_s": 86_400})
    server = serve(paged)
    with client(server) as opened:
        wms_api.pull(loader, opened, everything, NOW)
        again = wms_api.pull(loader, opened, everything, NOW + timedelta(minutes=1))
    assert (again.load_id, again.known) == (None, PAGES * (GOOD + len(poison(0))))


def test_pages_that_go_back_are_refused_and_kept(loader: psycopg.Connection, serve: Serve) -> None:
    def back(call: Call) -> None:
        call.send(answer(json.dumps({"events": [event(1, minute=-600)], "has_more": True}).encode()))

    server = serve(paged, back)
    with client(server) as opened:
        with pytest.raises(PartnerContractBroken, match="says has_more but leads no further") as caught:
            wms_api.pull(loader, opened, SOURCE, NOW)
        assert "what the page held is stored" in caught.value.next_step
        assert len(server.requests) == 2
        server.talks = [paged]
        assert wms_api.pull(loader, opened, SOURCE, NOW).is_complete
    found = loader.execute("select count(*) from raw.facts where fault_code is null").fetchone()
    assert found == (PAGES * GOOD + 1,)


def test_pages_without_an_end_stop_and_go_on(loader: psycopg.Connection, serve: Serve) -> None:
    short = SOURCE.model_copy(update={"pages_max": 3})
    told = iter(range(1, 10_000))

    def endless(call: Call) -> None:
        number = next(told)
        call.send(answer(json.dumps({"events": [event(number, minute=number / 60)], "has_more": True}).encode()))

    server = serve(endless)
    with client(server, short) as opened:
        results = [wms_api.pull(loader, opened, short, NOW) for _ in range(3)]
    assert [(result.facts, result.is_complete) for result in results] == [(3, False)] * 3
    assert len(server.requests) == 9
    cursor, polled = loader.execute("select cursor, polled_at < '2000-01-01' from ops.source_cursors").fetchone()  # type: ignore[misc]
    assert (cursor["resume_after"]["event_id"], polled) == ("DC1-00000009", True)
