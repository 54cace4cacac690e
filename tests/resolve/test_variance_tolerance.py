"""A statement between full states opens an exception above one limit and closes it at the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from tests.reconcile.stating import configured, tolerance
from tests.resolve.lane import KEY, NOON, Lane, counted, moved

SUBJECT = f"{KEY[0]}/{KEY[1]}/on_hand"


def test_a_count_inside_the_tolerance_asks_nobody(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    lane = Lane(warehouse, warehouse_dsn, tmp_path)

    def limits(rows: dict[str, Any]) -> None:
        rows["variance_tolerances"] = [tolerance(open_units=5, close_units=1)]

    configured(warehouse, NOON, limits)
    lane.tell(1, counted(1, 0, 100), moved(2, 1, -10))
    lane.batch(2)
    seen = []
    # Each count becomes the base: off by 5, 6, 3 and 1.
    for step, units in enumerate([95, 89, 92, 93]):
        lane.tell(4 + 3 * step, counted(3 + step, 3 + 3 * step, units))
        lane.batch(5 + 3 * step)
        seen.append(lane.exceptions("discrepancy"))
    assert seen == [[], [(SUBJECT, "open")], [(SUBJECT, "open")], [(SUBJECT, "resolved")]]
