"""A warehouse that hears of orders: the lane of one source with releases, and receivers that are real servers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.databases import subscribed
from tests.notices.conftest import clock, deliver, publisher, receiver, webhook  # noqa: F401
from tests.rereading.conftest import warehouses  # also finds the loopback partners
from tests.resolve.lane import KEY, NOON, Lane, at, moved

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Fact
from syncline.loops import Told, tell
from syncline.warehouse.connect import connect_dsn

ORDER = "O-1/1"
SUBSTITUTE = "SKU-0002"


class Loops(Lane):
    """The lane, and what is told at its end."""

    def __init__(self, owner: psycopg.Connection, dsn: Callable[[str], str], target: Path) -> None:
        super().__init__(owner, dsn, target)
        seeds = read_folder(project_root() / "dbt_project" / "seeds")
        rules = seeds["ownership_rules"]
        like = next(row for row in rules if (row["source"], row["measure"]) == ("dc1_wms", "on_hand"))
        rules.append({**like, "measure": "provisional"})
        apply(owner, seeds, NOON, "test")
        for subscriber in ("service", "billing", "shop"):
            events = {"service": "order.short", "billing": "billing.adjust", "shop": "order.status"}
            subscribed(owner, (subscriber, events[subscriber], "*", "*", "live"))

    def tell_loops(self, minutes: float) -> Told:
        with connect_dsn(self.dsn("transformer")) as transformer:
            return tell(transformer, at(minutes))

    def notices(self) -> list[tuple[Any, ...]]:
        return list(
            self.rows(
                "select notice, number, payload ->> 'missing', payload ? 'withdrawn' from ops.loop_notices "
                "order by notice, number"
            )
        )


@pytest.fixture
def loops(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Loops:
    return Loops(warehouse, warehouse_dsn, tmp_path)


def released(number: int, minutes: float, units: int, **rest: Any) -> Fact:
    """``units`` of SKU-0001 may be picked at DC1 for ``ORDER``."""
    values = {"status_ref": "provisional", "line_key": f"R-{number}/1", "event_key": ORDER, **rest}
    return moved(number, minutes, units, **values)


def shipped(number: int, minutes: float, units: int, **rest: Any) -> Fact:
    """``units`` left for ``ORDER``."""
    return moved(number, minutes, -units, **{"serves": ORDER, **rest})


__all__ = ["KEY", "NOON", "ORDER", "SUBSTITUTE", "Loops", "datetime", "released", "shipped", "warehouses"]
