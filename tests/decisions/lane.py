"""SKU-0001 at DC1 through the real lane: the owner counted 100 at 09:00; the ERP shows 100 and the shop 97."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.decisions import Decision, land_write_offs, store
from syncline.home import project_root
from syncline.landing import Document, Fact, Load, fact_id, land
from syncline.outbox.release import release
from syncline.resolve import dbt
from syncline.resolve.exceptions import sync_exceptions
from syncline.resolve.hashes import derived_hashes
from syncline.warehouse.connect import connect_dsn

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
KEY = ("SKU-0001", "DC1")


def at(hour: int, minute: int = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute)


def movement(number: int, quantity: int, minute: int = 0, event_key: str = "", line: str = "", **more: Any) -> Fact:
    """A movement of the owner at 10:``minute``; its line is its own, its event too unless named."""
    line_key = line or f"E-{number}/1"
    return Fact(
        "movement", "SKU-0001", "DC1", "on_hand", "EA", str(quantity), f"2026-11-02T10:{minute:02d}:00.000Z", line_key,
        event_key or f"T-{number}/1", f"events[{number}]", "test/1", sequence=number, **more,
    )  # fmt: skip


def told_id(fact: Fact, source: str = "dc1_wms") -> str:
    return fact_id(source, "api", fact)


class Lane:
    """Facts, decisions and batches, each with its own role; the batch runs the models and tends the exceptions."""

    def __init__(self, owner: psycopg.Connection, dsn: Callable[[str], str], target: Path) -> None:
        self.owner, self.dsn, self.target = owner, dsn, target
        self.seeds = read_folder(project_root() / "dbt_project" / "seeds")
        apply(owner, self.seeds, at(8), "test")
        count = Fact("balance", "SKU-0001", "DC1", "on_hand", "EA", "100", "2026-11-02T09:00:00.000Z", "E-1/1", "T-1/1",
                     "events[1]", "test/1", sequence=1)  # fmt: skip
        self.tell(at(9, 1), count)
        self.show(100, 97)

    def tell(self, now: datetime, *facts: Fact, source: str = "dc1_wms") -> None:
        with connect_dsn(self.dsn("loader")) as loader:
            land(loader, Load(source, "api", now, [Document(f"page {now.isoformat()}", b"{}", facts)]))

    def show(self, erp: int, shop: int, no: int = 1) -> None:
        for target, quantity in (("erp", erp), ("shop", shop)):
            self.owner.execute(
                "insert into ops.target_readings values (%s, %s, %s, %s, %s, %s, %s)",
                (target, *KEY, no, quantity, str(no), at(9)),
            )

    def decide(self, propose: Callable[[psycopg.Connection], Decision]) -> Decision:
        with connect_dsn(self.dsn("transformer")) as transformer:
            decision = propose(transformer)
            store(transformer, decision)
        with connect_dsn(self.dsn("loader")) as loader:
            land_write_offs(loader)
        return decision

    def transformer(self) -> AbstractContextManager[psycopg.Connection]:
        return connect_dsn(self.dsn("transformer"))

    def open(self, now: datetime) -> int | None:
        with connect_dsn(self.dsn("transformer")) as transformer:
            batch = resolve.open_batch(transformer, now)
        return batch and batch.batch_id

    def build(self, batch_id: int) -> None:
        self.owner.execute(
            "insert into ops.current_batch (batch_id, as_of) "
            "select batch_id, as_of from ops.batches where batch_id = %s "
            "on conflict (only_row) do update set batch_id = excluded.batch_id, as_of = excluded.as_of",
            (batch_id,),
        )
        dbt.run(self.dsn("transformer"), ["run", "--select", "tag:resolve"], self.target)
        with connect_dsn(self.dsn("transformer")) as transformer:
            row = transformer.execute("select as_of from ops.current_batch").fetchone()
            assert row is not None
            sync_exceptions(transformer, batch_id, row[0])

    def batch(self, now: datetime) -> bool:
        """One batch up to its release, if anything is pending."""
        batch_id = self.open(now)
        if batch_id is None:
            return False
        self.build(batch_id)
        self.owner.execute(
            "insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}') on conflict do nothing",
            (batch_id,),
        )
        with connect_dsn(self.dsn("publisher")) as publisher:
            release(publisher, batch_id, now)
        return True

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.owner.execute(query.encode(), values).fetchall()

    def on_hand(self) -> int:
        ((quantity,),) = self.rows(
            "select quantity from canonical.balances where (item, location, measure) = (%s, %s, 'on_hand')", *KEY
        )
        return int(quantity)

    def fate(self, fact: str) -> tuple[str, str | None]:
        """(disposition, the decision that answers it)."""
        ((disposition, decision),) = self.rows(
            "select disposition, decision_id from intermediate.int_dispositions where fact_id = %s", fact
        )
        return disposition, decision

    def open_exceptions(self) -> list[str]:
        return [rule for (rule,) in self.rows("select rule from ops.exceptions where state <> 'resolved' order by 1")]

    def corrections(self) -> dict[str, tuple[int, str, str | None]]:
        """target -> (wanted, state, reason) of what is not dead."""
        rows = self.rows("select target, wanted, state, reason from ops.outbox where state <> 'dead'")
        return {target: (wanted, state, reason) for target, wanted, state, reason in rows}

    def is_its_rebuild(self) -> bool:
        """Incremental = rebuild, by hash."""
        before = derived_hashes(self.owner)
        dbt.run(self.dsn("transformer"), ["run", "--full-refresh", "--select", "tag:resolve"], self.target)
        return before == derived_hashes(self.owner)
