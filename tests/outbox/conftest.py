"""Many keys at once: a target, its readings, and the batches that want other numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.outbox.one_key import World

from syncline.outbox.release import Released, release
from syncline.registry import Breakers
from syncline.warehouse.connect import connect_dsn

T0 = datetime(2026, 11, 2, 10, tzinfo=UTC)
Key = tuple[str, str]  # item, location


@pytest.fixture
def publisher(warehouse_dsn: Callable[[str], str], candidates: None) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as connection:
        yield connection


@pytest.fixture
def world(warehouse: psycopg.Connection, publisher: psycopg.Connection) -> World:
    return World(warehouse, publisher)


class Network:
    """Keys of ``target``: what it shows, and what it should. ``bounds`` are its circuit breakers."""

    def __init__(self, owner: psycopg.Connection, publisher: psycopg.Connection, target: str = "erp") -> None:
        self.owner, self.publisher, self.target = owner, publisher, target
        self.minute = 0
        self.shown: dict[Key, int] = {}
        self.reading: dict[Key, int] = {}
        self.bounds: dict[str, Breakers] = {}
        self.values: dict[str, int] = {}

    def now(self) -> datetime:
        self.minute += 1
        return T0 + timedelta(minutes=self.minute)

    def value(self, items: Iterable[str], unit_value: int) -> None:
        """Configure the items with this value of a unit."""
        self.values = dict.fromkeys(items, unit_value)
        row = self.owner.execute(
            "insert into ops.config_versions (kind, sha256, rows, applied_at, applied_by) "
            "values ('items', 'x', 0, %s, 'test') returning version_id",
            (self.now(),),
        ).fetchone()
        assert row is not None
        for item in self.values:
            self.owner.execute("insert into ops.items values (%s, %s, 'EA', 'A', %s)", (row[0], item, unit_value))

    def read(self, numbers: Mapping[Key, int]) -> None:
        """The change list was read to its end and told these numbers."""
        at = self.now()
        for key, quantity in numbers.items():
            self.shown[key] = quantity
            self.reading[key] = self.reading.get(key, 0) + 1
            self.owner.execute(
                "insert into ops.target_readings values (%s, %s, %s, %s, %s, null, %s)",
                (self.target, *key, self.reading[key], quantity, at),
            )
        self.owner.execute(
            "insert into ops.target_cursors values (%s, 1, %s) on conflict (target) do update set read_at = %s",
            (self.target, at, at),
        )

    def batch(self, wanted: Mapping[Key, int], hold: Mapping[Key, str] | None = None) -> int:
        """Build the candidates of a new batch."""
        row = self.owner.execute(
            "insert into ops.batches (as_of, state) values (%s, 'built') returning batch_id", (self.now(),)
        ).fetchone()
        assert row is not None
        self.owner.execute("truncate canonical.candidate_corrections")
        for key, number in wanted.items():
            self.owner.execute(
                "insert into canonical.candidate_corrections values (%s, %s, %s, %s, 'A', %s, %s, %s, null, 0, %s, "
                "'delta', %s, false, null, %s)",
                (
                    row[0], self.target, *key, number, self.shown[key], self.reading[key], number - self.shown[key],
                    (hold or {}).get(key), self.values.get(key[0], 0),
                ),
            )  # fmt: skip
        self.owner.execute("insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}')", (row[0],))
        return int(row[0])

    def release(self, wanted: Mapping[Key, int], hold: Mapping[Key, str] | None = None) -> Released:
        return release(self.publisher, self.batch(wanted, hold), self.now(), self.bounds)

    def states(self) -> dict[str, int]:
        return dict(self.owner.execute("select state, count(*) from ops.outbox group by 1").fetchall())

    def reasons(self, state: str) -> set[Any]:
        return {row[0] for row in self.owner.execute("select reason from ops.outbox where state = %s", (state,))}

    def trips(self) -> list[tuple[Any, ...]]:
        return self.owner.execute(
            "select rule, target, locations, measured, bound, state from ops.breaker_trips order by trip_id"
        ).fetchall()


@pytest.fixture
def network(warehouse: psycopg.Connection, publisher: psycopg.Connection) -> Network:
    warehouse.execute(
        "create table staging.stg_facts (batch_id bigint, source text, document_id text, kind text, measure text, "
        "item text, location text, quantity bigint)"
    )
    warehouse.execute("grant select on staging.stg_facts to syncline_publisher")
    return Network(warehouse, publisher)
