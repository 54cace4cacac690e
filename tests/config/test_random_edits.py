"""Random edits of the configuration between batches: the state is always what a rebuild makes of it (semantics §7).

An error names the world, which is its seed: ``World(seed)`` alone tells the same facts and makes the same edits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.config.running import Run
from tests.config.world import EDITS, World


def edited(conn: psycopg.Connection, dsn: str, seeds: range, batches: int, chunk: int, target: Path) -> Run:
    """Batches with mostly one edit in each world and often no fact; a rebuild after every ``chunk`` batches."""
    run = Run(conn, dsn, [World(seed) for seed in seeds], target)
    run.batch({world.name: 25 for world in run.worlds})
    for number in range(1, batches + 1):
        for world in run.worlds:
            for _ in range(world.chance.choice([1, 1, 1, 1, 1, 2])):
                run.edit(world)
        run.batch({world.name: world.chance.choice([0, 0, 1, 3]) for world in run.worlds})
        if number % chunk == 0 or number == batches:
            run.compare_with_rebuild()
    return run


def test_some_edits(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> None:
    run = edited(warehouse, warehouse_dsn("owner"), range(1, 9), batches=3, chunk=2, target=tmp_path)
    assert run.edits >= 24
    assert run.asked >= 0.7 * 8 * 4, "the oracle is asked too seldom"


@pytest.mark.deep
def test_two_hundred_edits(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> None:
    run = edited(warehouse, warehouse_dsn("owner"), range(100, 120), batches=10, chunk=2, target=tmp_path)
    assert run.edits >= 200
    assert run.kinds.keys() == EDITS.keys(), run.kinds
