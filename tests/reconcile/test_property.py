"""Random stock and random states: after the promotion canonical is what a plain reading of the rules says."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.reconcile.conftest import Partner
from tests.reconcile.test_promoting import hear, of, on_hand, promoted, state
from tests.resolve.lane import Lane, at, moved

SEEDS = (1, 2, 3)
ITEMS = range(1, 31)
CASES = {5: 6, 7: 24, 10: 6, 14: 24, 15: 6, 20: 6, 21: 24, 25: 6, 28: 24, 30: 6}  # units of a case, else 12


@pytest.mark.parametrize("seed", SEEDS)
def test_canonical_becomes_the_state_and_what_came_after_it(
    warehouse: psycopg.Connection,
    warehouse_dsn: Callable[[str], str],
    tmp_path: Path,
    partner: Callable[[list[Any]], Partner],
    seed: int,
) -> None:
    print(f"seed {seed}")  # shown when it fails
    rng, lane = random.Random(seed), Lane(warehouse, warehouse_dsn, tmp_path)
    before, after = {}, defaultdict(int)
    facts, number = [], 100
    for item in ITEMS:
        if rng.random() < 0.2:
            continue  # never heard of
        before[item] = rng.randint(0, 40)
        facts.append(of(item, before[item], line_key=f"C-{item}", event_key=f"C-{item}", sequence=item))
        for minute in rng.sample(range(2, 59), rng.randint(0, 2)) + rng.sample(range(62, 90), rng.randint(0, 2)):
            number, units = number + 1, rng.randint(-9, 9) or 1
            facts.append(moved(number, minute, units, item_ref=f"SKU-{item:04d}", sequence=None))
            if minute < 60:
                before[item] += units
            else:
                after[item] += units
    lane.tell(91, *facts)
    lane.batch(92)

    said, lines = {}, []
    for item in ITEMS:
        units = before.get(item, 0) if rng.random() < 0.6 else rng.randint(0, 60)
        if units == 0 or rng.random() < 0.1:
            said[item] = 0  # left out
            continue
        said[item] = units
        case = CASES.get(item, 12)
        is_whole = units % case == 0 and rng.random() < 0.7
        lines.append((f"SKU-{item:04d}", "CA", units // case) if is_whole else (f"SKU-{item:04d}", "EA", units))
    rng.shuffle(lines)
    assert hear(lane, partner(state(lines)), at(93)).is_proven

    differing = sum(said[item] != before.get(item, 0) for item in ITEMS)
    (done,) = promoted(lane)
    assert (done.differing, done.facts) == (differing, differing)
    lane.batch(94)
    known = {item for item in ITEMS if item in before or said[item]}
    assert on_hand(lane) == {f"SKU-{item:04d}": said[item] + after[item] for item in known}
    (again,) = promoted(lane)
    assert (again.differing, again.facts) == (0, 0)
