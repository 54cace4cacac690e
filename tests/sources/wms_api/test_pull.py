"""The cursor moves with what was landed and with nothing else."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from loopback_wms import DAY, WmsServer, body, event

from syncline.errors import PartnerContractBroken, PartnerUnavailable
from syncline.landing import Load, LoadResult, land
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
    evidence = "select v.kind, f.position from ops.exception_evidence v join raw.facts f on f.fact_id = v.ref"
    assert loader.execute(evidence).fetchall() == [("fact", "events[1]")]
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


def test_what_lies_behind_the_furthest_is_not_looked_up(
    loader: psycopg.Connection,
    wms: WmsServer,
    client: WmsClient,
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads: list[tuple[int, int]] = []

    def spied(conn: psycopg.Connection, load: Load) -> LoadResult:
        unseen = list(load.unseen)
        loads.append((len(load.documents), len(unseen)))
        return land(conn, replace(load, unseen=unseen))

    monkeypatch.setattr(sys.modules[pull.__module__], "land", spied)
    wms.events = [event(n, minute=n / 10) for n in range(250)]
    pull(loader, client, source, NOW)
    assert loads == [(3, 0)], "a source that was never read to its end may have told anything"
    assert cursor(loader)["furthest"] == "2026-11-02T10:24:54+00:00"
    wms.events += [event(n, minute=n / 10) for n in range(250, 500)]
    wms.events.append(event(900, minute=45, version=9))
    result = pull(loader, client, source, NOW)
    assert loads[1:] == [(2, 1)], "the overlap and the page with a fault are looked up, the page between them is not"
    assert (result.facts, result.faults, count(loader, "raw.facts")) == (250, 1, 501)


@pytest.mark.parametrize("seed", range(4))
def test_however_it_is_read_each_event_is_landed_once(
    loader: psycopg.Connection, wms: WmsServer, client: WmsClient, source: Source, seed: int
) -> None:
    """Late, repeated, misdated and broken records; polls cut short, failing, forgotten: no lookup is missed."""
    rng = random.Random(seed)
    slow = source.model_copy(update={"overlap_s": 1200})  # longer than any event stays hidden
    told: list[dict[str, Any]] = []
    hidden: list[dict[str, Any]] = []
    now = NOW
    for _ in range(14):
        now += timedelta(seconds=60)
        for _ in range(rng.choice([0, 20, 150, 320])):
            number = len(told) + len(hidden)
            minutes = (now - DAY).total_seconds() / 60 - 600 - rng.random()
            made = event(number, minute=minutes)
            if rng.random() < 0.01:
                ahead = (now + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
                made["posted_at"] = ahead if rng.random() < 0.5 else "2999-01-01T00:00:00.000Z"
            if rng.random() < 0.005:
                made["version"] = 9
            (hidden if rng.random() < 0.02 else told).append(made)
        if rng.random() < 0.7:
            told, hidden = told + hidden, []
        wms.events = told + [again for again in told if rng.random() < 0.002]
        if rng.random() < 0.2:
            wms.replies = [lambda handler: body(handler, b"{}", 503)] * rng.randint(1, 3)
        if rng.random() < 0.1:
            loader.execute("update ops.source_cursors set cursor = '{}'")
        try:
            pull(loader, client, slow.model_copy(update={"pages_max": rng.choice([1, 3, 20])}), now)
        except PartnerUnavailable:
            wms.replies = []
    wms.events = told + hidden
    while not pull(loader, client, slow, now).is_complete:
        pass
    facts = loader.execute("select line_key, received_at from raw.facts where fault_code is null").fetchall()
    sound = {f"{each['event_id']}/1" for each in told + hidden if each["version"] == 1}
    assert {key for key, _ in facts} == sound, f"seed {seed}"
    dated = {f"{each['event_id']}/1": datetime.fromisoformat(each["posted_at"]) for each in told + hidden}
    early = {key for key, at in facts if at < dated[key]}
    again = [key for key, count in Counter(key for key, _ in facts).items() if count > 1]
    # A fact from the future is received once more when its time has come, no other is.
    assert set(again) <= early, f"seed {seed}"
