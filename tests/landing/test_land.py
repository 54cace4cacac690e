"""A load is closed whole or not at all, and says only what is new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from syncline.errors import RetryableError, WarehouseUnavailable
from syncline.landing import Document, Fact, FileChange, Load, Trouble, fact_id, fault, land
from syncline.landing.lane import source_lane
from syncline.warehouse.connect import connect_dsn

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)


def movement(number: int, **changes: object) -> Fact:
    fact = Fact(
        "movement", "SKU-0001", "DC1", "on_hand", "EA", "-5", "2026-11-02T09:59:00.000Z",
        f"E-{number}/1", f"T-{number}/1", f"events[{number}]", "test/1",
    )  # fmt: skip
    return fact._replace(**changes)


def load(*facts: Fact, at: datetime = NOW, **changes: object) -> Load:
    values = {
        "cursor": {"posted_at": at.isoformat()},
        "documents": [Document("page", repr(facts).encode(), facts)],
    } | changes
    return Load(source="dc1_wms", feed="api", received_at=at, **values)  # type: ignore[arg-type]


@pytest.fixture
def loader(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> psycopg.Connection:
    with connect_dsn(warehouse_dsn("loader")) as connection:
        yield connection


def count(conn: psycopg.Connection, table: str) -> int:
    return conn.execute(f"select count(*) from {table}").fetchone()[0]


def test_a_load_lands_as_the_loader_in_its_day(loader: psycopg.Connection, warehouse: psycopg.Connection) -> None:
    broken = fault("type_unknown", "type is 'x'", line_key="sha", position="events[2]", reading="test/1")
    result = land(loader, load(movement(1), movement(2), broken))
    assert (result.documents, result.facts, result.faults, result.known) == (1, 2, 1, 0)
    rows = warehouse.execute(
        "select tableoid::regclass::text, load_id, quantity, fault_code from raw.facts order by position"
    ).fetchall()
    assert [row[0] for row in rows] == ["raw.facts_20261102"] * 3
    assert [row[1] for row in rows] == [result.load_id] * 3
    assert [row[2:4] for row in rows] == [("-5", None), ("-5", None), (None, "type_unknown")]
    assert warehouse.execute("select load_id, documents, facts from raw.loads").fetchall() == [(result.load_id, 1, 3)]


def test_a_fact_told_again_is_dropped_and_only_the_poll_moves(loader: psycopg.Connection) -> None:
    first = land(loader, load(movement(1)))
    later = NOW + timedelta(minutes=1)
    again = land(loader, load(movement(1, position="events[9]"), at=later))
    assert (again.load_id, again.documents, again.known) == (None, 0, 1)
    assert count(loader, "raw.loads") == count(loader, "raw.facts") == count(loader, "raw.documents") == 1
    cursor, load_id, polled_at = loader.execute("select cursor, load_id, polled_at from ops.source_cursors").fetchone()
    assert (cursor, load_id, polled_at) == ({"posted_at": later.isoformat()}, first.load_id, later)


def test_one_source_does_not_know_the_facts_of_another(loader: psycopg.Connection) -> None:
    land(loader, load(movement(1)))
    other = Load("dc2_wms", "api", NOW, [Document("page", b"{}", [movement(1)])])
    assert land(loader, other).facts == 1


def test_the_same_fact_twice_in_a_load_is_one_row(loader: psycopg.Connection) -> None:
    result = land(loader, load(movement(1), movement(1)))
    assert (result.facts, result.known) == (1, 1)


def test_a_fact_from_the_future_is_received_again_once_its_time_has_come(loader: psycopg.Connection) -> None:
    early = movement(1, recorded="2026-11-02T10:30:00.000Z")
    land(loader, load(early))
    assert land(loader, load(early, at=NOW + timedelta(minutes=10))).known == 1
    assert land(loader, load(early, at=NOW + timedelta(minutes=31))).facts == 1
    assert land(loader, load(early, at=NOW + timedelta(minutes=32))).known == 1


def test_a_kept_document_is_evidence_without_new_facts(loader: psycopg.Connection) -> None:
    document = Document("a.edi", b"ISA", status="duplicate", fault_code="duplicate_file", is_kept=True)
    result = land(loader, load(documents=[document], cursor=None))
    assert result.load_id is not None
    assert loader.execute("select status, content from raw.documents").fetchone() == ("duplicate", b"ISA")


def test_an_incomplete_poll_moves_the_cursor_but_not_its_time(loader: psycopg.Connection) -> None:
    land(loader, load(movement(1), is_complete=False))
    assert loader.execute("select polled_at from ops.source_cursors").fetchone()[0] == datetime(1970, 1, 1, tzinfo=UTC)
    land(loader, load(movement(2)))
    land(loader, load(movement(3), at=NOW + timedelta(hours=1), is_complete=False))
    assert loader.execute("select polled_at from ops.source_cursors").fetchone()[0] == NOW


def test_nothing_of_a_failed_load_is_visible(loader: psycopg.Connection) -> None:
    unfit = movement(2, quantity=None)  # the table's own check refuses a fact without a quantity
    with pytest.raises(psycopg.errors.CheckViolation):
        land(loader, load(movement(1), unfit, troubles=[Trouble("r", "s", "d", "n")]))
    for table in ("raw.documents", "raw.facts", "raw.loads", "ops.source_cursors", "ops.exceptions"):
        assert count(loader, table) == 0, table


def test_files_and_exceptions_change_with_the_load(loader: psycopg.Connection) -> None:
    file_id = loader.execute(
        "insert into ops.files (source, name, size_bytes, state, claimed_as, seen_at, changed_at)"
        " values ('dc1_wms', 'a.edi', 3, 'claimed', 'c', %s, %s) returning file_id", [NOW, NOW]
    ).fetchone()[0]  # fmt: skip
    change = FileChange(file_id, "landed", "ab", 0, "file_empty", "empty")
    trouble = Trouble("file_refused", "dc1_wms/a.edi", "empty", "ask the partner")
    land(loader, load(movement(1), files=[change], troubles=[trouble, trouble]))
    state, sha, fault_code, document = loader.execute(
        "select state, sha256, fault_code, document_id from ops.files"
    ).fetchone()
    assert (state, sha, fault_code) == ("landed", "ab", "file_empty")
    assert loader.execute("select document_id from raw.documents").fetchone() == (document,)
    assert count(loader, "ops.exceptions") == 1


def test_a_fact_id_is_its_content_and_nothing_else() -> None:
    base = fact_id("dc1_wms", "api", movement(1))
    assert fact_id("dc1_wms", "api", movement(1, position="elsewhere", reading="test/2")) == base
    content = set(Fact._fields) - {"position", "reading"}
    for name in content:
        value = {"revision": 2, "cancel": True, "sequence": 7, "is_test": True}.get(name, "other")
        assert fact_id("dc1_wms", "api", movement(1)._replace(**{name: value})) != base, name
    assert fact_id("dc2_wms", "api", movement(1)) != base
    assert fact_id("dc1_wms", "edi", movement(1)) != base
    assert fact_id("s", "f", movement(1, lot="a,b", uom=None)) != fact_id("s", "f", movement(1, lot="a", uom="b"))


def test_a_second_reader_of_a_source_is_told_to_wait(
    loader: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    with connect_dsn(warehouse_dsn("loader")) as other:
        with source_lane(loader, "dc1_wms") as cursor:
            assert cursor == {}
            with pytest.raises(RetryableError, match="dc1_wms is being read"), source_lane(other, "dc1_wms"):
                pass
            with source_lane(other, "dc2_wms") as free:
                assert free == {}
        with source_lane(other, "dc1_wms") as free:
            assert free == {}


def test_a_lost_warehouse_is_one_clear_retryable_line(
    loader: psycopg.Connection, warehouse: psycopg.Connection
) -> None:
    warehouse.execute("select pg_terminate_backend(%s)", [loader.info.backend_pid])
    with pytest.raises(WarehouseUnavailable, match="land a load of dc1_wms"):
        land(loader, load(movement(1)))
    assert count(warehouse, "raw.facts") == 0
