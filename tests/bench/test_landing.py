"""The landing bench runs as the loader and leaves closed loads only."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from bench import landing
from syncline.warehouse.connect import connect_dsn


def test_both_measures_close_what_they_measure(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "PAGES", 2)
    monkeypatch.setattr(landing, "EVENTS_PER_PAGE", 40)
    monkeypatch.setattr(landing, "REPETITIONS", 2)
    with connect_dsn(warehouse_dsn("loader")) as loader:
        rows = landing.rows_to_load(loader, 7)
        answers = landing.bytes_to_load(loader, 7)
    assert rows["facts"] >= 40
    assert all(value > 0 for value in [*rows.values(), *answers.values()])
    closed = warehouse.execute("select documents, facts from raw.loads").fetchall()
    assert closed == [(2, rows["facts"])] * 4


def test_a_file_is_landed_whole(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "PAGES", 2)
    monkeypatch.setattr(landing, "EVENTS_PER_PAGE", 40)
    with connect_dsn(warehouse_dsn("loader")) as loader:
        found = landing.file_to_load(loader, 7, 500)
    assert found["facts"] == 1_000
    assert all(value > 0 for value in found.values())
    landed = warehouse.execute("select state, facts from ops.files join raw.loads using (source)").fetchall()
    assert landed == [("landed", 1_000)]
