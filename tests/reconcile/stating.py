"""Full states as they are stored, and a run that compares them, for tests of the comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from tests.resolve.lane import Lane, at

from syncline.reconcile import runs
from syncline.reconcile.comparing import Compared, compare
from syncline.reconcile.promoting import Flood
from syncline.warehouse.connect import connect_dsn

SOURCES = {"wms": "dc1_wms", "3pl": "acme_3pl", "erp": "erp"}
INSERT = """insert into raw.snapshots (snapshot_id, source, system, load_id, document_ids, locations, measures,
  recorded, as_of_from, as_of_to, received_at, read_lines, read_units, declares_complete, is_proven, fault_code,
  document_key)
  values (%(id)s, %(source)s, %(system)s, 1, array[%(id)s], array[%(place)s], %(measures)s, %(recorded)s, %(as_of)s,
  %(to)s, %(received)s, %(lines)s, 0, true, %(proven)s, %(fault)s, %(id)s)"""


class Stated:
    """The states of DC1 beside what the lane decided."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.number = lane, 0

    def say(
        self, system: str, minutes: float, said: Mapping[str, int] | Sequence[tuple[Any, ...]], *, proven: bool = True,
        measures: Sequence[str] = ("on_hand",), width_s: float = 0,
    ) -> str:  # fmt: skip
        """A state of ``system`` as of ``minutes`` after noon; lines (item, units[, measure, lot, unit])."""
        self.number += 1
        rows = [(item, units) for item, units in said.items()] if isinstance(said, Mapping) else list(said)
        name = f"{system} {self.number}"
        place = {"3pl": "ACME-CHI"}.get(system, "DC1")
        status = "financial" if system == "erp" else "on_hand"
        as_of = at(minutes)
        values = {
            "id": name, "source": SOURCES[system], "system": system, "place": self._place(system, place),
            "measures": ["financial"] if system == "erp" else list(measures), "recorded": as_of.isoformat(),
            "as_of": as_of, "to": as_of + timedelta(seconds=width_s, microseconds=1),
            "received": as_of + timedelta(seconds=30),
            "lines": len(rows), "proven": proven, "fault": None if proven else "cut",
        }  # fmt: skip
        self.lane.owner.execute(INSERT, values)
        for position, row in enumerate(rows, 1):
            item, units, measure, lot, uom = (*row, *(status, None, "EA")[len(row) - 2 :])
            self.lane.owner.execute(
                "insert into raw.snapshot_lines values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (name, str(position), item, values["place"], measure, lot, uom, str(units), values["received"]),
            )
        return name

    def _place(self, system: str, default: str) -> str:
        row = self.lane.owner.execute(
            "select location_ref from ops.current_location_crosswalk where source = %s and location = 'DC1'",
            (SOURCES[system],),
        ).fetchone()
        return "DC1" if row is None else str(row[0])

    def run(self, minutes: float, limit: Flood | None = None, asked_by: str = "") -> Compared | None:
        """A run that is asked for and compared ``minutes`` after noon."""
        with connect_dsn(self.lane.dsn("transformer")) as conn:
            run = runs.begin(conn, "DC1", asked_by or f"test {minutes}", at(minutes))
            return compare(conn, run.run_id, at(minutes), limit)

    def rows(self, what: str = "item, measure, lot, pair, variance::bigint, verdict") -> list[tuple[Any, ...]]:
        """Of the newest run."""
        return list(
            self.lane.rows(
                f"select {what} from ops.reconciliation_rows"
                " where run_id = (select max(run_id) from ops.reconciliations) order by item, measure, lot, pair"
            )
        )


def configured(owner: psycopg.Connection, now: datetime, change: Callable[[dict[str, Any]], None]) -> None:
    """The demo's configuration, changed."""
    from syncline.config import apply, read_folder
    from syncline.home import project_root

    rows = read_folder(project_root() / "dbt_project" / "seeds")
    change(rows)
    apply(owner, rows, now, "test")


def tolerance(**limits: Any) -> dict[str, Any]:
    """A row of ``variance_tolerances`` that names what is given."""
    named = dict.fromkeys(("location", "item_class", "criticality", "measure"), "*")
    empty = dict.fromkeys(("open_units", "close_units", "open_permille", "close_permille", "open_value", "close_value"))
    return {**named, **empty, **limits}
