"""Random edits of the configuration between batches: the state is always what a rebuild makes of it (semantics §7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.config.running import Run


def edit(run: Run, edits: int) -> None:
    """``edits`` edits, most of them alone in their batch, half of the batches with new facts."""
    chance = run.world.chance
    while run.edits < edits:
        several = min(chance.choice([1, 1, 1, 1, 2, 3]), edits - run.edits)
        run.batch(edits=several, facts=chance.choice([0, 0, 1, 3]))


def test_some_edits(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> None:
    edit(Run(warehouse, warehouse_dsn("owner"), 1, tmp_path), 4)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_edits(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path, seed: int
) -> None:
    edit(Run(warehouse, warehouse_dsn("owner"), seed, tmp_path), 20)
