"""The cursor moves with what was landed and with nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from loopback_wms import DAY, WmsServer, body, event

from syncline.errors import PartnerContractBroken, PartnerUnavailable
from syncline.registry import Source
from syncline.sources.wms_api import WmsClient, pull
from syncline.warehouse.connect import connect_dsn

NOW = DAY + timedelta(hours=12)


@pytest.fixture
def loader(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("loader")) as connection:
        yield connection


def line_keys(conn: psycopg.Connection) -> list[str]:
    return [row[0] for row in conn.execute("select line_key from raw.facts where fault_code is null order by 1")]


def cursor(conn: psycopg.Connection) -> dict[str, object]:
    return conn.execute("select cursor from ops.source_cursors").fetchone()[0]


def count(conn: psycopg.Connection, table: str) -> int:
    return conn.execute(f"select count(*) from {table}").fetchone()[0]


def test_pages_are_landed_and_a_quiet_poll_writes_nothing(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.events = [event(n, minute=n // 3) for n in range(250)]
    result = pull(loader, client, source, NOW)
    assert (result.facts, result.faults, result.documents, result.is_complete) == (250, 0, 3, True)
    assert result.as_json()["load_id"] == result.load_id
    wms.requests.clear()
    again = pull(loader, client, source, NOW + timedelta(minutes=1))
    assert (again.load_id, again.facts) == (None, 0)
    assert len(wms.requests) == 1
    assert count(loader, "raw.loads") == 1
    assert loader.execute("select polled_at from ops.source_cursors").fetchone()[0] == NOW + timedelta(minutes=1)


def test_a_late_event_behind_the_cursor_is_found(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.events = [event(1, minute=0), event(3, minute=2)]
    pull(loader, client, source, NOW)
    wms.events.append(event(2, minute=1))
    assert pull(loader, client, source, NOW + timedelta(seconds=10)).facts == 1
    assert line_keys(loader) == [f"DC1-0000000{n}/1" for n in (1, 2, 3)]


def test_ties_on_a_page_border_are_not_lost(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.events = [event(n, minute=0) for n in range(250)]
    assert pull(loader, client, source, NOW).facts == 250


def test_a_page_limit_resumes_where_it_stopped(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    slow = source.model_copy(update={"pages_max": 2, "overlap_s": 86_400})
    wms.events = [event(n, minute=n / 10) for n in range(450)]
    results = [pull(loader, client, slow, NOW + timedelta(seconds=n)) for n in range(3)]
    assert [(result.facts, result.is_complete) for result in results] == [(200, False), (200, False), (50, True)]
    assert "resume_after" not in cursor(loader)


def test_a_broken_record_is_kept_and_the_page_flows(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.events = [event(1), event(2, version=9), event(3)]
    result = pull(loader, client, source, NOW)
    assert (result.facts, result.faults) == (2, 1)
    code, detail, position = loader.execute(
        "select fault_code, fault_detail, position from raw.facts where fault_code is not null"
    ).fetchone()
    assert (code, position) == ("event_version_unknown", "events[1]")
    assert "version is 9" in detail
    assert "DC1-00000002" in detail
    assert loader.execute("select status, fault_position from raw.documents").fetchone() == ("partial", "events[1]")
    assert loader.execute("select rule, subject from ops.exceptions").fetchall() == [
        ("source_contract", "dc1_wms/event_version_unknown")
    ]
    assert pull(loader, client, source, NOW + timedelta(seconds=9)).load_id is None


def test_an_error_on_a_later_page_keeps_the_pages_before_it(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.events = [event(n, minute=n / 10) for n in range(150)]
    served = wms.reply

    def second_fails(handler: object, query: dict[str, str]) -> None:
        if len(wms.requests) > 1:
            body(handler, b"{}", 503)  # type: ignore[arg-type]
        else:
            served(handler, query)  # type: ignore[arg-type]

    wms.reply = second_fails  # type: ignore[method-assign]
    with pytest.raises(PartnerUnavailable):
        pull(loader, client, source, NOW)
    assert len(line_keys(loader)) == 100
    assert loader.execute("select polled_at from ops.source_cursors").fetchone()[0] == datetime(1970, 1, 1, tzinfo=UTC)
    wms.reply = served  # type: ignore[method-assign]
    assert pull(loader, client, source, NOW + timedelta(seconds=9)).facts == 50


def test_nonsense_leaves_the_cursor_where_it_was(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.events = [event(1)]
    pull(loader, client, source, NOW)
    before = loader.execute("select * from ops.source_cursors").fetchone()
    wms.replies = [lambda handler: body(handler, b"<html>", Content_Type="text/html")] * 3
    with pytest.raises(PartnerContractBroken):
        pull(loader, client, source, NOW + timedelta(seconds=9))
    assert loader.execute("select * from ops.source_cursors").fetchone() == before


def test_an_api_that_never_ends_is_refused_not_followed(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.replies = [lambda handler: body(handler, b'{"events": [], "has_more": true}')]
    with pytest.raises(PartnerContractBroken, match="leads no further"):
        pull(loader, client, source, NOW)
    assert len(wms.requests) == 1


def test_an_event_from_a_far_future_does_not_blind_the_source(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    wms.events = [event(1), event(2, posted_at="2999-01-01T00:00:00.000Z")]
    pull(loader, client, source, NOW)
    wms.events.append(event(3, minute=121))
    assert pull(loader, client, source, NOW + timedelta(minutes=2)).facts == 1
    assert "DC1-00000003/1" in line_keys(loader)


def test_a_move_between_bins_moves_the_cursor_without_a_load(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source
) -> None:
    line = {"line": 1, "sku": "SKU-0001", "uom": "EA", "quantity": 4, "from_bin": "A", "to_bin": "B",
            "from_condition": "good", "to_condition": "good"}  # fmt: skip
    wms.events = [event(1, kind="inventory.moved", lines=[line])]
    assert pull(loader, client, source, NOW).load_id is None
    assert cursor(loader)["event_id"] == "DC1-00000001"
    assert count(loader, "raw.documents") == 0
