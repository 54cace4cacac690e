"""A partner that misstates SKU-0001 at DC1 through the real lane, its marts, and the rules that answer it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.decisions.lane import Lane, at, movement

from syncline.compensation import desk
from syncline.compensation.model import Kept
from syncline.config import apply
from syncline.decisions import land_write_offs
from syncline.landing import Fact
from syncline.resolve import build_marts
from syncline.warehouse.connect import connect_dsn

SUBJECT = "SKU-0001/DC1/on_hand"


def report(number: int, quantity: int, hour: int, minute: int = 0) -> Fact:
    """What the partner beside the owner says to be there."""
    when = f"2026-11-02T{hour:02d}:{minute:02d}:00.000Z"
    return Fact("balance", "SKU-0001", "DC1", "on_hand", "EA", str(quantity), when, f"R-{number}/1", f"R-{number}/1",
                f"lines[{number}]", "test/1")  # fmt: skip


class Rules(Lane):
    """The lane, with rules of our own and what a run of them does."""

    def rule(self, now: datetime, *changes: dict[str, Any]) -> None:
        """These rules and no others."""
        base: dict[str, Any] = {
            "rule": "r", "finding": "discrepancy", "cause_class": "*", "cause": "*", "location": "*", "item_class": "*",
            "action": "accept", "mode": "live", "wait_s": 0, "key_units": 100, "key_value": 10**9, "run_keys": 10,
            "run_units": 1000, "day_units": 1000, "again_s": 0,
        }  # fmt: skip
        apply(self.owner, {**self.seeds, "compensation_rules": [base | change for change in changes]}, now, "test")

    def misstate(self) -> None:
        """100 counted at 09:00 by the owner, 4 taken at 10:00; the 3PL beside it says 90 at 11:00."""
        rules = [
            rule | ({"role": "observer", "movements": ""} if rule["source"] == "acme_3pl" else {})
            for rule in self.seeds["ownership_rules"]
            if (rule["location"], rule["measure"]) == ("DC1", "on_hand") or rule["source"] != "acme_3pl"
        ]
        self.seeds = {**self.seeds, "ownership_rules": rules}
        apply(self.owner, self.seeds, at(9), "test")
        self.tell(at(10, 1), movement(2, -4))
        self.batch(at(10, 2))
        self.tell(at(11, 1), report(3, 90, 11), source="acme_3pl")
        self.batch(at(11, 2))
        build_marts(self.dsn("transformer"))

    def run(self, now: datetime, name: str = "run 1") -> desk.Ran:
        with connect_dsn(self.dsn("transformer")) as conn:
            done = desk.run(conn, name, now)
        self.land()
        return done

    def land(self) -> None:
        with connect_dsn(self.dsn("loader")) as conn:
            land_write_offs(conn)

    def do(self, call: Callable[..., Kept], name: str, now: datetime, by: str = "anna") -> Kept:
        with connect_dsn(self.dsn("transformer")) as conn:
            kept = call(conn, name, by=by, note="as they said", at=now)
        self.land()
        return kept

    def kept(self) -> list[tuple[str, str, int]]:
        """(rule, state, units) of all."""
        return self.rows("select rule, state, units from ops.compensations order by proposed_at, compensation_id")

    def story(self, name: str) -> list[tuple[str, str, str]]:
        return self.rows(
            "select from_state, to_state, changed_by from ops.compensation_changes where compensation_id = %s "
            "order by version",
            name,
        )


@pytest.fixture
def rules(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Rules:
    return Rules(warehouse, warehouse_dsn, tmp_path)
