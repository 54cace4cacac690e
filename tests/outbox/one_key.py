"""One key of one target: what it should show, what was read, and the batches that follow from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from syncline.outbox.release import release
from syncline.outbox.transitions import transition

T0 = datetime(2026, 11, 2, 10, tzinfo=UTC)
KEY = ("erp", "SKU-0001", "DC1")


class World:
    """One key: what it should show, what was read, and the batches that follow from it."""

    def __init__(self, owner: psycopg.Connection, publisher: psycopg.Connection) -> None:
        self.owner, self.publisher, self.minute, self.reading = owner, publisher, 0, 0

    def now(self) -> datetime:
        self.minute += 1
        return T0 + timedelta(minutes=self.minute)

    def read(self, quantity: int) -> None:
        """The change list was read to its end and told a number."""
        self.reading += 1
        at = self.now()
        self.owner.execute(
            "insert into ops.target_readings values (%s, %s, %s, %s, %s, null, %s)", (*KEY, self.reading, quantity, at)
        )
        self.read_again(at)

    def read_again(self, at: datetime | None = None) -> None:
        at = at or self.now()
        self.owner.execute(
            "insert into ops.target_cursors values ('erp', 1, %s) on conflict (target) do update set read_at = "
            "excluded.read_at",
            (at,),
        )

    def batch(self, wanted: int, shown: int | None, *, hold: str | None = None, reading: int | None = None) -> int:
        row = self.owner.execute(
            "insert into ops.batches (as_of, state) values (%s, 'built') returning batch_id", (self.now(),)
        ).fetchone()
        assert row is not None
        reading = (self.reading or None) if reading is None else reading
        delta = None if shown is None else wanted - shown
        self.owner.execute("truncate canonical.candidate_corrections")
        self.owner.execute(
            "insert into canonical.candidate_corrections values (%s, %s, %s, %s, 'A', %s, %s, %s, null, 0, %s, "
            "'delta', %s, false)",
            (row[0], *KEY, wanted, shown, reading, delta, hold),
        )
        self.owner.execute("insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}')", (row[0],))
        return int(row[0])

    def release(self, wanted: int, shown: int | None, **rest: Any) -> Any:
        return release(self.publisher, self.batch(wanted, shown, **rest), self.now())

    def rows(self) -> list[tuple[Any, ...]]:
        return self.owner.execute(
            "select to_version, reading_no, quantity, state, reason from ops.outbox order by created_at, "
            "to_version, reading_no"
        ).fetchall()

    def queue(self) -> list[Any]:
        return self.owner.execute("select reason from ops.correction_queue").fetchall()

    def put_on_queue(self) -> None:
        self.owner.execute("insert into ops.correction_queue values (%s, %s, %s, 'test', %s)", (*KEY, self.now()))

    def open_id(self) -> str:
        return str(self.owner.execute("select correction_id from ops.outbox where closed_at is null").fetchall()[0][0])

    def send(self) -> str:
        opened, at = self.open_id(), self.now()
        assert transition(self.owner, opened, "pending", "sent", at=at, lease_until=at + timedelta(seconds=10))
        return opened
