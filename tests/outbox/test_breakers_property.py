"""A tripped batch that is let go has the effect of the same batch without breakers."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest
from tests.outbox.conftest import Network

from syncline.outbox.breaker_desk import decide
from syncline.outbox.transitions import transition
from syncline.outbox.trips import trips
from syncline.registry import Breakers

KEYS = [(f"SKU-{item:04}", site) for site in ("DC1", "DC2") for item in range(1, 13)]
TIGHT = Breakers(
    keys_min=6, keys_max=8, keys_share_pct=30, units_max=60, units_share_pct=40, value_max=9_000, value_share_pct=60,
    zero_keys_min=3, zero_keys_max=6, zero_share_pct=20,
)  # fmt: skip
WIDE = Breakers(keys_min=10**6, keys_max=10**6, units_max=10**9, value_max=10**12, zero_keys_min=10**6)
ROUNDS = 8


def play(network: Network, seed: int, bounds: Breakers) -> tuple[dict[tuple[str, str], int], set[Any], int]:
    """A random history: numbers that move, batches, pushes. What is shown, what reached the target, trips.

    What a trip holds is let go before the next batch, so that both histories push the same corrections.
    """
    rng = random.Random(seed)
    network.bounds = {"erp": bounds}
    network.value([item for item, _ in KEYS[:12]], 150)
    network.read({key: rng.randrange(0, 20) for key in KEYS})
    effects: set[Any] = set()
    tripped = 0
    for _ in range(ROUNDS):
        wanted = {
            key: rng.choice([0, 0, rng.randrange(0, 30)]) for key in rng.sample(KEYS, rng.randrange(1, len(KEYS)))
        }
        hold = {key: "conflict" for key in wanted if rng.random() < 0.1}
        network.release(wanted, hold)
        if rng.random() < 0.4:
            # Nothing changed, nobody answered: asked about once.
            network.release(wanted, hold)
        for trip in trips(network.publisher):
            tripped += 1
            decide(network.publisher, trip.trip_id, "released", by="ana", note="seen", at=network.now())
        push(network, effects)
        if rng.random() < 0.5:
            network.release(wanted)
            for trip in trips(network.publisher):
                decide(network.publisher, trip.trip_id, "released", by="ana", note="seen", at=network.now())
            push(network, effects)
    return dict(network.shown), effects, tripped


def push(network: Network, effects: set[Any]) -> None:
    """Everything pending takes effect and is read."""
    at = network.now()
    rows = network.owner.execute(
        "select correction_id, item, location, quantity from ops.outbox where state = 'pending'"
    ).fetchall()
    for correction_id, item, location, quantity in rows:
        transition(network.owner, correction_id, "pending", "sent", at=at, lease_until=at)
        transition(network.owner, correction_id, "sent", "applied", at=at)
        effects.add((correction_id, quantity))
        network.shown[item, location] += quantity
    network.read({(item, location): network.shown[item, location] for _, item, location, _ in rows})


@pytest.mark.parametrize("seed", range(8))
def test_held_and_let_go_is_as_never_held(warehouse: psycopg.Connection, network: Network, seed: int) -> None:
    class Undo(Exception):
        pass

    def without() -> tuple[dict[tuple[str, str], int], set[Any], int]:
        """In a transaction that is rolled back, so that both histories begin in the same warehouse."""
        plain = Network(warehouse, warehouse)
        try:
            with warehouse.transaction():
                found = play(plain, seed, WIDE)
                raise Undo
        except Undo:
            return found

    shown, effects, tripped = without()
    assert (tripped, len(effects) > 10) == (0, True), f"seed {seed}"
    assert warehouse.execute("select count(*) from ops.outbox").fetchone() == (0,)
    guarded = Network(warehouse, network.publisher)
    guarded_shown, guarded_effects, guarded_tripped = play(guarded, seed, TIGHT)
    assert guarded_tripped > 2, f"seed {seed}: the bounds never tripped"
    assert guarded_effects == effects, f"seed {seed}"
    assert guarded_shown == shown, f"seed {seed}"
    open_ = warehouse.execute(
        "select count(*) from ops.exceptions where rule = 'breaker' and state = 'open'"
    ).fetchone()
    assert open_ == (0,), f"seed {seed}"
