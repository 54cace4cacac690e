"""The real lane for one source: land, batch, dbt, exceptions, release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Document, Fact, Load, land
from syncline.outbox.release import release
from syncline.warehouse.connect import connect_dsn

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
KEY = ("SKU-0001", "DC1")
HOLD_S = 1800  # of dc1_wms in the seeds


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def moved(number: int, minutes: float, units: int, after: int | None = None, **rest: Any) -> Fact:
    """A movement of SKU-0001 at DC1, posted ``minutes`` after noon; ``after``: the book's balance it states."""
    values: dict[str, Any] = {
        "kind": "movement", "item_ref": KEY[0], "location_ref": KEY[1], "status_ref": "on_hand", "uom": "EA",
        "quantity": str(units), "recorded": f"{at(minutes):%Y-%m-%dT%H:%M:%S}.000Z", "line_key": f"E-{number}/1",
        "event_key": f"T-{number}/1", "position": f"events[{number}]", "reading": "test/1", "sequence": number,
        "balance_after": None if after is None else str(after),
    }  # fmt: skip
    return Fact(**{**values, **rest})


def counted(number: int, minutes: float, units: int) -> Fact:
    return moved(number, minutes, units, kind="balance")


class Lane:
    """One key of dc1_wms, the ERP's number of it, and the batches."""

    def __init__(self, owner: psycopg.Connection, dsn: Callable[[str], str], target: Path) -> None:
        self.owner, self.dsn, self.target = owner, dsn, target
        self.checkpoint_facts = 8
        apply(owner, read_folder(project_root() / "dbt_project" / "seeds"), NOON, "test")

    def show(self, quantity: int, no: int = 1) -> None:
        """The ERP's list was read to its end and shows this."""
        self.owner.execute(
            "insert into ops.target_readings values ('erp', %s, %s, %s, %s, null, %s)", (*KEY, no, quantity, NOON)
        )

    def tell(self, minutes: float, *facts: Fact) -> None:
        """Land ``facts``, received ``minutes`` after noon."""
        name = f"page {minutes} {[fact.sequence for fact in facts]}"
        with connect_dsn(self.dsn("loader")) as loader:
            land(loader, Load("dc1_wms", "api", at(minutes), [Document(name, b"{}", facts)]))

    def batch(self, minutes: float) -> bool:
        """One batch through build and release, if anything is pending."""
        with connect_dsn(self.dsn("transformer")) as transformer:
            batch = resolve.open_batch(transformer, at(minutes))
            if batch is None:
                return False
            resolve.build(
                transformer, self.dsn("transformer"), batch.batch_id, self.target,
                checkpoint_facts=self.checkpoint_facts,
            )  # fmt: skip
        self.owner.execute(
            "insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}')", (batch.batch_id,)
        )
        with connect_dsn(self.dsn("publisher")) as publisher:
            release(publisher, batch.batch_id, at(minutes))
        return True

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        return self.owner.execute(query.encode()).fetchall()

    def exceptions(self, rule: str) -> Sequence[tuple[Any, ...]]:
        return self.owner.execute(
            "select subject, state from ops.exceptions where rule = %s order by exception_id", (rule,)
        ).fetchall()
