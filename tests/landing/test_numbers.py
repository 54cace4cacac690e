"""Which sequence numbers a source has told, as the loader keeps them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Load, land
from syncline.landing.numbers import ranges
from syncline.warehouse.connect import connect_dsn

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
SEED = 3


@pytest.mark.parametrize(
    ("numbers", "found"),
    [([], []), ([5], [(5, 5)]), ([3, 1, 2, 2], [(1, 3)]), ([9, 1, 2, 8, 0], [(0, 2), (8, 9)])],
)
def test_ranges(numbers: list[int], found: list[tuple[int, int]]) -> None:
    assert ranges(numbers) == found


def test_a_poll_adds_what_it_was_told_also_without_a_fact(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), NOW, "test")
    rng = random.Random(SEED)
    told: set[int] = set()

    def kept() -> tuple[Any, ...] | None:
        return warehouse.execute("select source, seen::text, heard_at from ops.sequences").fetchone()

    with connect_dsn(warehouse_dsn("loader")) as loader:
        for poll in range(30):
            numbers = [rng.randint(0, 60) for _ in range(rng.randint(1, 8))]
            told |= set(numbers)
            result = land(loader, Load("dc1_wms", "api", NOW + timedelta(seconds=poll), numbers=numbers))
            assert result.load_id is None
            expected = "{" + ",".join(f"[{first},{last + 1})" for first, last in ranges(told)) + "}"
            found = kept()
            assert found is not None
            assert found[:2] == ("dc1_wms", expected), f"seed {SEED}"
        before = kept()
        land(loader, Load("dc1_wms", "api", NOW + timedelta(hours=1), numbers=sorted(told)))
        assert kept() == before, "a poll that tells nothing new writes nothing"
        # A partner that declares no such sequence, and one that nobody knows.
        land(loader, Load("acme_3pl", "edi", NOW, numbers=[1, 3]))
        land(loader, Load("stranger", "api", NOW, numbers=[1, 3]))
    assert kept() == before
    assert warehouse.execute("select count(*) from ops.sequences").fetchone() == (1,)
