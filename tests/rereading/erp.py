"""The ERP beside a warehouse: what it shows at DC3, and what it books of what is pushed."""

from __future__ import annotations

from datetime import datetime

from network import Warehouse, minutes

from syncline.outbox.release import release
from syncline.warehouse.connect import connect_dsn


class Erp:
    """Its change list and its readings, written as the push of the ERP stores them. ``shows``: item -> quantity."""

    def __init__(self, ours: Warehouse, shows: dict[str, int]) -> None:
        self._ours = ours
        self.shows = dict(shows)
        self._position = 0
        self._readings = dict.fromkeys(shows, 0)
        for item in shows:
            self._show(item, 0, minutes(0))

    def books(self, now: datetime) -> None:
        """Every correction that waits is sent and applied, and the change list is read to its end."""
        waiting = self._ours.rows(
            "select correction_id, item, quantity from ops.outbox where target = 'erp' and state = 'pending' order by 1"
        )
        for correction, item, quantity in waiting:
            for state, tries in (("sent", 1), ("applied", 1)):
                self._ours.rows(
                    "update ops.outbox set state = %s, tries = %s, changed_at = %s, closed_at ="
                    " case when %s = 'applied' then %s::timestamptz end where correction_id = %s returning 1",
                    state, tries, now, state, now, correction,
                )  # fmt: skip
            self.changes(item, quantity, now, correction)

    def changes(self, item: str, delta: int, now: datetime, correction: str | None = None) -> None:
        """One line of the change list, of a ``correction`` or from outside, and the reading behind it."""
        self._position += 1
        kind = "adjustment" if correction else "outside"
        self._ours.rows(
            "insert into ops.target_changes (target, position, item, location, kind, delta, quantity_after,"
            " correction_id, changed_at) values ('erp', %s, %s, 'DC3', %s, %s, %s, %s, %s) returning 1",
            self._position, item, kind, delta, self.shows[item] + delta, correction, now,
        )  # fmt: skip
        self._ours.rows(
            "insert into ops.target_cursors values ('erp', %s, %s) on conflict (target)"
            " do update set position = excluded.position, read_at = excluded.read_at returning 1", self._position, now,
        )  # fmt: skip
        self._show(item, delta, now)

    def _show(self, item: str, delta: int, now: datetime) -> None:
        self.shows[item] += delta
        self._readings[item] += 1
        self._ours.rows(
            "insert into ops.target_readings (target, item, location, reading_no, quantity, read_at)"
            " values ('erp', %s, 'DC3', %s, %s, %s) returning 1", item, self._readings[item], self.shows[item], now,
        )  # fmt: skip


def released(ours: Warehouse, now: datetime) -> None:
    """Resolve what is pending and release it. The gate itself is not what is tested: its verdict is written."""
    batch_id = ours.settle(now, is_released=False)
    ours.rows("insert into ops.gate_results values (%s, 's', 'e', 'critical', true, 0, '{}') returning 1", batch_id)
    with connect_dsn(ours.dsn("publisher")) as publisher:
        assert batch_id is not None
        release(publisher, batch_id, now)


def outbox(ours: Warehouse) -> list[tuple[object, ...]]:
    return ours.rows(
        "select item, quantity, state, reason from ops.outbox where target = 'erp' order by item, created_at"
    )
