"""A running installation, and what must be true of it when the day is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from tests.live.on_call import OnCall

from syncline.runtime import demo
from syncline.runtime.agreement import compare
from syncline.runtime.partners import Partners
from syncline.runtime.world import World

DRAIN_S = 300.0


@dataclass
class Live:
    """What runs. ``warehouse``: owner connection. ``books``: the ERP's own database, looked at past its API."""

    world: World
    twin: Partners
    on_call: OnCall
    warehouse: psycopg.Connection
    books: psycopg.Connection

    def one(self, query: str, *values: Any) -> Any:
        """First column of the first row of a query on the warehouse; None when there is no row."""
        row = self.warehouse.execute(query, values).fetchone()
        return row and row[0]

    def drain(self) -> None:
        """Until the day is quiet and nothing is pending, as the demo waits for it."""
        demo.watch(self.world, self.twin, self.warehouse, lambda status, progress: None, DRAIN_S)

    def assert_right(self) -> None:
        """ERP and shop show what canonical says, and no reference stands twice in the ERP's change list."""
        agreement = compare(self.warehouse, self.twin.truth())
        assert agreement.wrong == []
        assert agreement.held == {}
        assert agreement.keys > 100
        changes = self.books.execute("select reference from erp.changes where reference is not null")
        posted = [row[0] for row in changes]
        assert len(posted) == len(set(posted))
        applied = self.warehouse.execute(
            "select correction_id from ops.outbox where (target, state) = ('erp', 'applied')"
        )
        # Exactly what we believe to be applied is there: nothing lost, nothing posted behind our back.
        assert set(posted) == {row[0] for row in applied}
