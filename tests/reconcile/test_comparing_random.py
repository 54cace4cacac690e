"""Random states of random instants against a comparer that knows nothing of SQL: every verdict, of every pair."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.reconcile.stating import Stated, configured, tolerance
from tests.resolve.lane import Lane, at, counted, moved

from syncline.reconcile.promoting import Flood

ITEMS, MOVES, ROUNDS = 12, 30, 12
OPEN, CLOSE = 5, 2
SYSTEMS = ("wms", "3pl", "erp")


class Brute:
    """What happened, and what each pair was judged before."""

    def __init__(self) -> None:
        self.opening: dict[str, int] = {}
        self.moves: list[tuple[str, int, int]] = []  # item, minute, units
        self.is_open: set[tuple[str, str]] = set()

    def held(self, item: str, minute: float) -> int:
        return self.opening[item] + sum(units for name, when, units in self.moves if name == item and when < minute)

    def judged(self, item: str, off: dict[str, int]) -> dict[str, tuple[int, str]]:
        """Pair -> (variance, verdict) of all that is kept of ``item``, given how far each system is off canonical."""
        kept = {}
        for first, second in (("wms", ""), ("3pl", ""), ("erp", ""), ("wms", "3pl"), ("wms", "erp"), ("3pl", "erp")):
            pair = f"{first}~{second or 'canonical'}"
            variance = off[first] - (off[second] if second else 0)
            was_open = (item, pair) in self.is_open
            is_off = abs(variance) > (CLOSE if was_open else OPEN)
            verdict = "discrepancy" if is_off else "within_tolerance" if variance else "match"
            (self.is_open.add if is_off else self.is_open.discard)((item, pair))
            if verdict != "match" or was_open:
                kept[pair] = (variance, verdict)
        return kept


@pytest.mark.parametrize("seed", range(2))
def test_random_states_are_judged_as_by_hand(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    lane = Lane(warehouse, warehouse_dsn, tmp_path)

    def rules(rows: dict[str, list[dict[str, object]]]) -> None:
        rows["variance_tolerances"] = [tolerance(open_units=OPEN, close_units=CLOSE)]
        # No lag and no hold: a movement of another source explains nothing here.
        for row in rows["sources"]:
            row |= {"clock_skew_s": 0, "lag_s": 0, "hold_s": 0}

    configured(lane.owner, at(0), rules)
    brute = Brute()
    names = [f"SKU-{number:04d}" for number in range(1, ITEMS + 1)]
    facts = []
    for number, item in enumerate(names, 1):
        brute.opening[item] = chance.randrange(300)
        facts.append(counted(number, 0, brute.opening[item])._replace(item_ref=item))
    for number in range(MOVES):
        item, minute, units = chance.choice(names), 2 * chance.randrange(1, 50), chance.choice([-7, -3, -1, 2, 10])
        brute.moves.append((item, minute, units))
        facts.append(moved(100 + number, minute, units, item_ref=item, sequence=None))
    lane.tell(110, *facts)
    lane.batch(111)
    stated = Stated(lane)
    for step in range(ROUNDS):
        off: dict[str, dict[str, int]] = {item: {} for item in names}
        for system in SYSTEMS:
            # Between two movements, so that no order is open; the newest state of a system is the one compared.
            minute = 2 * chance.randrange(4 * step, 4 * step + 4) + 1
            said = {}
            for item in names:
                wrong = chance.choice([0, 0, 0, 1, -2, 3, 5, -6, 9])
                said[item] = brute.held(item, minute) + wrong
                off[item][system] = wrong
            left_out = [item for item in names if said[item] == 0]
            stated.say(system, minute, {item: units for item, units in said.items() if item not in left_out})
        assert stated.run(120 + step, Flood(100, 1)) is not None
        found: dict[str, dict[str, tuple[int, str]]] = {}
        for item, pair, variance, verdict in stated.rows("item, pair, variance::bigint, verdict"):
            found.setdefault(item, {})[pair] = (variance, verdict)
        wanted = {item: kept for item in names if (kept := brute.judged(item, off[item]))}
        assert found == wanted, f"seed {seed}, round {step}"
