"""A warehouse with the committed configuration, and the roles that work in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from syncline.config import apply, read_folder
from syncline.exceptions import About, open_exception, resolve_exception
from syncline.exceptions.desk import By
from syncline.home import project_root
from syncline.warehouse.connect import connect_dsn

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
KEY = About(item="SKU-0001", location="DC1", measure="on_hand", source="acme_3pl")
SUBJECT = "SKU-0001/DC1/on_hand"


def after(hours: float = 0, days: float = 0) -> datetime:
    return NOON + timedelta(hours=hours, days=days)


class Desk:
    """``conn`` is of the role transformer; ``owner`` sees everything."""

    def __init__(self, owner: psycopg.Connection, conn: psycopg.Connection) -> None:
        self.owner, self.conn = owner, conn

    def find(self, at: datetime, rule: str = "discrepancy", subject: str = SUBJECT, **more: Any) -> int:
        """Somebody finds it; the number of the one that stands then."""
        more = {"about": KEY, "detail": "off by 3", "next_step": "count"} | more
        open_exception(self.conn, rule, subject, at=at, **more)
        query = "select exception_id from ops.exceptions where rule = %s and subject = %s and state <> 'resolved'"
        ((number,),) = self.rows(query, rule, subject)
        return int(number)

    def gone(self, at: datetime, rule: str = "discrepancy", subject: str = SUBJECT) -> None:
        resolve_exception(self.conn, rule, subject, at=at)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.owner.execute(query.encode(), values).fetchall()

    def history(self, number: int) -> list[tuple[Any, ...]]:
        """(what, by, from, to), the first first."""
        return self.rows(
            "select what, changed_by, from_state, to_state from ops.exception_changes where exception_id = %s "
            "order by version",
            number,
        )


def anna(hours: float = 1, **more: Any) -> By:
    return By("anna", after(hours), **more)


@pytest.fixture
def desk(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[Desk]:
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), after(-4), "test")
    with connect_dsn(warehouse_dsn("transformer")) as conn:
        yield Desk(warehouse, conn)
