"""Balances that a source states with its movements: where they do not follow from each other, something is missing."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.resolve.lane import HOLD_S, Lane, counted, moved
from tests.threads import led

from syncline import resolve
from syncline.landing import Fact
from syncline.resolve.hashes import derived_hashes
from syncline.warehouse.connect import connect_dsn

GAPS = "select after_sequence, before_sequence, missing from canonical.balance_gaps order by before_sequence"
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 6))]


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    return Lane(warehouse, warehouse_dsn, tmp_path)


def test_a_lost_movement_is_named_by_the_pair_it_is_missing_between(lane: Lane) -> None:
    lane.tell(10, counted(1, 1, 100), moved(2, 2, -5, after=95), moved(5, 5, -1, after=90), moved(6, 6, 2, after=92))
    lane.batch(10)
    assert lane.rows(GAPS) == [(2, 5, -4)]
    assert lane.exceptions("balance_gap") == []
    lane.batch(10 + HOLD_S / 60)
    assert lane.exceptions("balance_gap") == [("SKU-0001/DC1/on_hand/dc1_wms 2-5", "open")]
    ((detail,),) = lane.rows("select detail from ops.exceptions where rule = 'balance_gap'")
    assert "states 90 with its number 5 where its own movements since 2 lead to 94: 4 units went out untold" in detail
    resolve.build_marts(lane.dsn("transformer"), lane.target)
    assert lane.rows(
        "select kind, item, after_sequence, before_sequence, missing_units, is_due from marts.fct_sequence_gaps"
    ) == [("balance", "SKU-0001", 2, 5, -4, True)]
    assert lane.rows("select name, gaps from marts.sync_health where gaps > 0") == [("dc1_wms", 1)]
    assert led(lane.dsn("bi"), "fct_sequence_gaps") == 1

    lane.tell(60, moved(3, 3, -4, after=91))
    lane.batch(60)
    assert lane.rows(GAPS) == []
    assert lane.exceptions("balance_gap") == [("SKU-0001/DC1/on_hand/dc1_wms 2-5", "resolved")]


def test_what_comes_inside_the_window_is_never_raised(lane: Lane) -> None:
    lane.tell(10, counted(1, 1, 100), moved(3, 3, -1, after=94))
    lane.batch(10)
    assert lane.rows(GAPS) == [(1, 3, -5)]
    lane.tell(11, moved(2, 2, -5))
    lane.batch(11)
    lane.batch(120)
    assert (lane.rows(GAPS), lane.exceptions("balance_gap")) == ([], [])


def test_a_count_begins_anew_and_its_own_difference_is_no_gap(lane: Lane) -> None:
    lane.tell(10, counted(1, 1, 100), moved(2, 2, -5, after=95), counted(3, 3, 93), moved(4, 4, -1, after=92))
    lane.batch(10)
    assert lane.rows(GAPS) == []


def test_an_event_told_again_moves_the_book_once(lane: Lane) -> None:
    again = moved(4, 4, -5, after=94, event_key="T-2/1")
    lane.tell(10, counted(1, 1, 100), moved(2, 2, -5, after=95), moved(3, 3, -1, after=94), again)
    lane.batch(10)
    assert lane.rows(GAPS) == []
    # The retry is heard first, and the original late, behind it.
    lane.tell(20, moved(7, 17, -2, after=91, event_key="T-5/1"))
    lane.batch(20)
    lane.tell(21, moved(5, 15, -2, after=92), moved(6, 16, -1, after=91))
    lane.batch(21)
    assert lane.rows(GAPS) == []


def test_facts_of_tests_and_of_other_keys_say_nothing_here(lane: Lane) -> None:
    lane.tell(
        10, counted(1, 1, 100), moved(2, 2, -50, after=50, is_test=True), moved(3, 3, -7, status_ref="damaged"),
        moved(4, 4, -1, after=99),
    )  # fmt: skip
    lane.batch(10)
    assert lane.rows(GAPS) == []


def expected(facts: list[Fact]) -> list[tuple[int, int, int]]:
    """The rule written down once more, over all facts of the one key."""
    first: dict[str, int] = {}
    for fact in sorted(facts, key=lambda fact: fact.sequence or 0):
        first.setdefault(str(fact.event_key), fact.sequence or 0)
    found, book, before = [], None, 0
    by_number: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_number[fact.sequence or 0].append(fact)
    for number, told in sorted(by_number.items()):
        counts = [int(fact.quantity or 0) for fact in told if fact.kind == "balance"]
        if counts:
            book, before = max(counts), number
            continue
        delta = sum(int(fact.quantity or 0) for fact in told if first[str(fact.event_key)] == number)
        book = None if book is None else book + delta
        stated = [int(fact.balance_after) for fact in told if fact.balance_after is not None]
        if stated:
            if book is not None and book != max(stated):
                found.append((before, number, max(stated) - book))
            book, before = max(stated), number
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_and_split_and_checkpoint_gives_the_rows_of_a_rebuild(lane: Lane, seed: int) -> None:
    """A day of one key with losses, late events, retries and counts, in batches that begin at checkpoints."""
    rng = random.Random(seed)
    lane.checkpoint_facts = 2
    book, told = 50, [(0.0, counted(1, 0, 50))]
    for number in range(2, 60):
        minutes = number * 2.0
        if rng.random() < 0.08:
            book += rng.choice([-1, 0, 0, 1])
            told.append((minutes, counted(number, minutes, book)))
            continue
        units = rng.choice([-3, -2, -1, 1, 2])
        book += units
        fact = moved(number, minutes, units, after=book if rng.random() < 0.6 else None)
        if rng.random() < 0.1:
            continue  # lost for good
        told.append((minutes + (rng.uniform(3, 15) if rng.random() < 0.15 else 0), fact))
    facts = [fact for _, fact in told]
    told.sort(key=lambda each: each[0])
    size = rng.choice([3, 5, 9])
    cuts = 0
    for start in range(0, len(told), size):
        part = told[start : start + size]
        lane.tell(part[-1][0] + 0.01, *(fact for _, fact in part))
        lane.batch(part[-1][0] + 0.02)
        cuts += lane.rows("select count(*) from intermediate.int_touched_cells where since > '-infinity'")[0][0]
    assert cuts > 2, "no batch began at a checkpoint: nothing was tried"
    assert lane.rows(GAPS) == expected(facts), f"seed {seed}"
    before = derived_hashes(lane.owner)
    with connect_dsn(lane.dsn("transformer")) as transformer:
        resolve.rebuild(transformer, lane.dsn("transformer"), lane.target)
    assert derived_hashes(lane.owner) == before, f"seed {seed}"
