"""Facts landed by hand, through real landing, and batches with their real release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.rereading.network import Warehouse

from syncline.landing import Document, Fact, Load, land
from syncline.outbox.release import Released, release
from syncline.warehouse.connect import connect_dsn


def at(clock: str, day: int = 2) -> datetime:
    """``10:05`` of 2 November 2026, UTC."""
    hour, minute, *second = (int(part) for part in clock.split(":"))
    return datetime(2026, 11, day, hour, minute, *second, tzinfo=UTC)


def said(kind: str, quantity: int, recorded: str, line: str, **changes: Any) -> Fact:
    """A line about SKU-0001 at DC1 on hand, unless ``changes`` say otherwise; ``08:00`` is a minute of 2 November."""
    if len(recorded) in (5, 8):
        recorded = f"2026-11-02T{recorded}Z"
    values: dict[str, Any] = {
        "kind": kind, "item_ref": "SKU-0001", "location_ref": "DC1", "status_ref": "on_hand", "uom": "EA",
        "quantity": str(quantity), "recorded": recorded, "line_key": line, "event_key": line,
        "position": f"line {line}", "reading": "by hand/1",
    }  # fmt: skip
    return Fact(**{**values, **changes})


def tell(ours: Warehouse, source: str, feed: str, received: datetime, *facts: Fact, name: str = "") -> None:
    """Land one document of ``source``."""
    name = name or f"{source} {received:%H:%M:%S}"
    document = Document(name=name, content=repr((name, facts)).encode(), facts=facts, is_kept=True)
    land(ours.loader, Load(source, feed, received, [document]))


def released(ours: Warehouse, now: datetime) -> Released:
    """Resolve what is pending and release it; what the gate judges is not what is tested: its verdict is written."""
    batch_id = ours.settle(now, is_released=False)
    assert batch_id is not None, "nothing was pending"
    ours.rows("insert into ops.gate_results values (%s, 's', 'e', 'critical', true, 0, '{}') returning 1", batch_id)
    with connect_dsn(ours.dsn("publisher")) as publisher:
        return release(publisher, batch_id, now)


def shown(ours: Warehouse, item: str, location: str, reading_no: int, quantity: int, now: datetime) -> None:
    """What the push of the ERP stores after it read the change list."""
    ours.rows(
        "insert into ops.target_readings (target, item, location, reading_no, quantity, read_at)"
        " values ('erp', %s, %s, %s, %s, %s) returning 1", item, location, reading_no, quantity, now,
    )  # fmt: skip
