"""Gaps in the numbers of a source: noticed, raised after their window, closed when the numbers come."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Load, land
from syncline.resolve import sequences
from syncline.resolve.sequences import watch_sequences
from syncline.warehouse.connect import connect_dsn

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
HOLD_S = 1800  # of dc1_wms in the seeds
SEED = 9


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


class Told:
    """Numbers that dc1_wms tells, and the looks at what is missing."""

    def __init__(self, owner: psycopg.Connection, loader: psycopg.Connection, transformer: psycopg.Connection) -> None:
        self.owner, self.loader, self.transformer = owner, loader, transformer

    def tell(self, *numbers: int, source: str = "dc1_wms") -> None:
        land(self.loader, Load(source, "api", NOW, numbers=numbers))

    def look(self, minutes: float) -> sequences.Gaps:
        return watch_sequences(self.transformer, at(minutes))

    def gaps(self, state: str = "open") -> list[tuple[int, int]]:
        rows = self.owner.execute(
            "select first_no, last_no from ops.sequence_gaps where state = %s order by gap_id", (state,)
        ).fetchall()
        return [(first, last) for first, last in rows]

    def exceptions(self) -> list[tuple[Any, ...]]:
        return self.owner.execute(
            "select subject, state from ops.exceptions where rule = 'sequence_gap' order by exception_id"
        ).fetchall()


@pytest.fixture
def told(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[Told]:
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), NOW, "test")
    with connect_dsn(warehouse_dsn("loader")) as loader, connect_dsn(warehouse_dsn("transformer")) as transformer:
        yield Told(warehouse, loader, transformer)


def test_a_gap_is_raised_after_the_window_and_closes_itself(told: Told) -> None:
    told.tell(*range(100, 124), 127, 128)
    assert told.look(0) == sequences.Gaps(1, 0, 0)
    assert told.gaps() == [(124, 126)]
    assert told.look(HOLD_S / 60 - 1) == sequences.Gaps(1, 0, 0)
    assert told.exceptions() == []
    assert told.look(HOLD_S / 60) == sequences.Gaps(1, 1, 0)
    assert told.look(HOLD_S / 60 + 1) == sequences.Gaps(1, 0, 0)
    detail, step = told.owner.execute("select detail, next_step from ops.exceptions").fetchone() or ("", "")
    assert (
        detail == "dc1_wms never told the 3 numbers 124 to 126: between 123 and 127, missing since 2026-11-02T10:00:00Z"
    )
    assert "syncline sources pull dc1_wms --since" in step

    told.tell(125)
    assert told.look(40) == sequences.Gaps(2, 2, 1), "what is left is as old as the gap was"
    assert told.exceptions() == [
        ("dc1_wms/124-126", "resolved"), ("dc1_wms/124-124", "open"), ("dc1_wms/126-126", "open")
    ]  # fmt: skip
    told.tell(124, 126)
    assert told.look(41) == sequences.Gaps(0, 0, 2)
    assert {state for _, state in told.exceptions()} == {"resolved"}


def test_what_comes_inside_the_window_is_never_raised(told: Told) -> None:
    told.tell(1, 2, 5)
    told.look(0)
    told.tell(3, 4)
    assert told.look(60) == sequences.Gaps(0, 0, 0)
    assert (told.gaps("arrived"), told.exceptions()) == ([(3, 4)], [])


def test_each_source_has_its_own_numbers_and_only_those_that_declare_them_are_watched(told: Told) -> None:
    told.tell(1, 3)
    told.tell(2, 4, source="dc2_wms")
    told.tell(1, 9, source="acme_3pl")
    told.look(0)
    told.look(60)
    assert [subject for subject, _ in told.exceptions()] == ["dc1_wms/2-2", "dc2_wms/3-3"]


def test_what_a_person_closed_stays_closed(told: Told) -> None:
    told.tell(1, 3)
    told.look(0)
    told.look(60)
    told.owner.execute(
        "select ops.change_exception(exception_id, 'resolved', 'anna', %s) from ops.exceptions", (at(61),)
    )
    assert told.look(62) == sequences.Gaps(1, 0, 0)


def test_a_declaration_that_is_wrong_stays_a_small_row(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "GAPS_MAX", 5)
    monkeypatch.setattr(sequences, "RAISED_MAX", 2)
    told.tell(*range(0, 18, 2))
    told.look(0)
    assert told.gaps() == [(5, 5), (7, 7), (9, 9), (11, 11), (13, 13)] or len(told.gaps()) == 5
    told.look(60)
    assert len(told.exceptions()) == 2
    told.tell(*range(18, 26, 2))
    told.look(61)
    assert len(told.gaps()) == 5
    assert told.owner.execute("select count(*) from ops.sequence_gaps where state = 'given up'").fetchone() == (4,)
    (seen,) = told.owner.execute("select seen::text from ops.sequences").fetchone() or ("",)
    assert seen.count("[") == 6


def test_random_numbers_in_random_loads_leave_exactly_the_missing_ones(told: Told) -> None:
    rng = random.Random(SEED)
    numbers = rng.sample(range(200), 150)
    heard: set[int] = set()
    for minute in range(15):
        heard |= set(numbers[minute * 10 : minute * 10 + 10])
        told.tell(*numbers[minute * 10 : minute * 10 + 10])
        told.look(minute)
        missing = set(range(min(heard), max(heard))) - heard
        found = [number for first, last in told.gaps() for number in range(first, last + 1)]
        assert sorted(found) == sorted(missing), f"seed {SEED}, minute {minute}"
    told.look(100)
    open_ones = {subject for subject, state in told.exceptions() if state == "open"}
    assert open_ones == {f"dc1_wms/{first}-{last}" for first, last in told.gaps()}
