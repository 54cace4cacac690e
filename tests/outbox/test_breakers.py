"""Circuit breakers: what they measure, what they hold, and what a person's answer does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.outbox.conftest import Network

from syncline.errors import TerminalError
from syncline.outbox.breaker_desk import decide
from syncline.registry import Breakers

Key = tuple[str, str]


def keys(count: int, location: str = "DC1", first: int = 1) -> list[Key]:
    return [(f"SKU-{number:04}", location) for number in range(first, first + count)]


def grown(numbers: dict[Key, int], by: int = 1) -> dict[Key, int]:
    return {key: number + by for key, number in numbers.items()}


@pytest.mark.parametrize(
    ("bounds", "rule", "measured", "bound"),
    [
        ({"keys_max": 9}, "keys", 10, 9),
        ({"keys_min": 10, "keys_share_pct": 49}, "keys", 10, 9),
        ({"units_max": 29}, "units", 30, 29),
        # Of 20 keys that show 10 each.
        ({"keys_min": 10, "units_share_pct": 14, "keys_share_pct": 100}, "units", 30, 28),
        ({"value_max": 5999}, "value", 6000, 5999),
        ({"keys_min": 10, "keys_share_pct": 100, "units_share_pct": 100, "value_share_pct": 0}, "value", 6000, 0),
    ],
)
def test_a_batch_beyond_a_bound_is_held_whole(
    network: Network, bounds: dict[str, int], rule: str, measured: int, bound: int
) -> None:
    network.value([item for item, _ in keys(20)], 200)
    network.bounds = {"erp": Breakers(**bounds)}
    network.read(dict.fromkeys(keys(20), 10))
    done = network.release(dict.fromkeys(keys(10), 13))
    assert (done.pending, done.held, done.tripped) == (0, 10, 1)
    assert network.trips() == [(rule, "erp", None, measured, bound, "open")]
    ((subject, detail, step, state),) = network.owner.execute(
        "select subject, detail, next_step, state from ops.exceptions where rule = 'breaker'"
    ).fetchall()
    assert (subject, state) == ("breaker 1", "open")
    assert "Largest: SKU-0001 at DC1: 10 → 13; SKU-0002 at DC1: 10 → 13; SKU-0003 at DC1: 10 → 13." in detail
    assert "syncline outbox breakers release 1" in step


@pytest.mark.parametrize(
    "bounds",
    [
        {"keys_max": 10}, {"units_max": 30}, {"value_max": 6000}, {"keys_min": 11, "keys_share_pct": 0},
        {"keys_min": 10, "keys_share_pct": 50}, {},
    ],
)  # fmt: skip
def test_a_batch_at_a_bound_flows(network: Network, bounds: dict[str, int]) -> None:
    network.value([item for item, _ in keys(20)], 200)
    network.bounds = {"erp": Breakers(**bounds)}
    network.read(dict.fromkeys(keys(20), 10))
    done = network.release(dict.fromkeys(keys(10), 13))
    assert (done.pending, done.held, done.tripped) == (10, 0, 0)


def test_a_small_network_is_corrected_as_a_whole_with_the_defaults(network: Network) -> None:
    network.read(dict.fromkeys(keys(240), 10))
    assert network.release(dict.fromkeys(keys(240), 90)).pending == 240


def test_most_of_a_location_going_to_zero_holds_that_location_only(network: Network) -> None:
    network.read(dict.fromkeys([*keys(40), *keys(40, "DC2")], 10))
    wanted = dict.fromkeys(keys(21), 0) | dict.fromkeys(keys(19, first=22), 11) | dict.fromkeys(keys(20, "DC2"), 0)
    done = network.release(wanted)
    assert network.trips() == [("mass_zero", "erp", ["DC1"], 21, 20, "open")]
    assert (done.pending, done.held) == (20, 40), "20 zeros of 40 keys at DC2 are at the bound"
    assert network.reasons("held") == {"breaker 1: mass zero"}
    assert network.release(dict.fromkeys(keys(40, "DC2"), 12)).pending == 40, "the lane goes on elsewhere"
    later = network.release({("SKU-0040", "DC1"): 15})
    assert (later.pending, later.held, later.tripped) == (0, 1, 0), "later corrections of the scope wait too"


def test_few_zeros_are_a_working_day(network: Network) -> None:
    network.read(dict.fromkeys(keys(19), 10))
    assert network.release(dict.fromkeys(keys(19), 0)).pending == 19


def test_a_number_that_was_zero_already_is_no_zeroing(network: Network) -> None:
    network.read(dict.fromkeys(keys(30), 10) | dict.fromkeys(keys(30, first=31), -2))
    wanted = dict.fromkeys(keys(15), 0) | dict.fromkeys(keys(30, first=31), 0)
    assert network.release(wanted).tripped == 0


def test_a_snapshot_of_zeros_trips_where_the_location_is_large(network: Network) -> None:
    network.read(dict.fromkeys(keys(200), 10))
    told = [*[(key, 0) for key in keys(25)], *[(key, 10) for key in keys(15, first=26)]]
    for (item, location), quantity in told:
        network.owner.execute(
            "insert into staging.stg_facts values (1, 'acme_3pl', 'doc-1', 'balance', 'on_hand', %s, %s, %s)",
            (item, location, quantity),
        )
    network.release(dict.fromkeys(keys(25), 0))
    assert network.trips() == [("snapshot_zero", "erp", ["DC1"], 25, 20, "open")]
    ((source, detail),) = network.owner.execute("select source, detail from ops.breaker_trips").fetchall()
    assert source == "acme_3pl"
    assert detail.startswith("Document doc-1 of acme_3pl says zero for 25 of 40 keys")


def test_what_another_reason_holds_is_not_measured(network: Network) -> None:
    network.bounds = {"erp": Breakers(keys_max=5)}
    network.read(dict.fromkeys(keys(10), 10))
    done = network.release(dict.fromkeys(keys(10), 11), hold=dict.fromkeys(keys(5), "conflict"))
    assert (done.pending, done.held, done.tripped) == (5, 5, 0)


def test_let_go_by_a_person_and_asked_twice(network: Network) -> None:
    network.bounds = {"erp": Breakers(keys_max=5)}
    network.read(dict.fromkeys(keys(10), 10))
    network.release(dict.fromkeys(keys(10), 11))
    decided = decide(network.publisher, 1, "released", by="ana", note="stock take", at=network.now())
    assert (decided.moved, decided.outdated, decided.already) == (10, 0, False)
    assert network.states() == {"pending": 10}
    assert network.reasons("pending") == {"let go by ana (breaker 1)"}
    assert network.owner.execute("select state, decided_by, note from ops.breaker_trips").fetchall() == [
        ("released", "ana", "stock take")
    ]
    assert network.owner.execute("select state from ops.exceptions").fetchall() == [("resolved",)]
    again = decide(network.publisher, 1, "denied", by="bob", note="no", at=network.now())
    assert (again.already, again.trip.state, again.trip.decided_by) == (True, "released", "ana")
    assert network.states() == {"pending": 10}
    done = network.release(dict.fromkeys(keys(10), 11))
    assert (done.tripped, network.states()) == (0, {"pending": 10}), "what was let go is not asked about again"


def test_a_denied_batch_stays_dead_and_is_not_asked_again(network: Network) -> None:
    network.bounds = {"erp": Breakers(keys_max=5)}
    network.read(dict.fromkeys(keys(10), 10))
    network.release(dict.fromkeys(keys(10), 0))
    decided = decide(network.publisher, 1, "denied", by="ana", note="bad file", at=network.now())
    assert decided.moved == 10
    assert network.reasons("dead") == {"denied by ana (breaker 1): bad file"}
    assert network.release(dict.fromkeys(keys(10), 0)).tripped == 0
    assert network.states() == {"dead": 10}
    done = network.release(dict.fromkeys(keys(4), 9))
    assert done.pending == 4


def test_only_what_is_still_its_keys_newest_is_let_go(network: Network) -> None:
    network.bounds = {"erp": Breakers(keys_max=2)}
    network.read(dict.fromkeys(keys(3), 10))
    network.release(dict.fromkeys(keys(3), 11))
    network.read({("SKU-0001", "DC1"): 8})
    network.release({("SKU-0002", "DC1"): 12})
    decided = decide(network.publisher, 1, "released", by="ana", note="fine", at=network.now())
    assert (decided.moved, decided.outdated) == (2, 1)
    assert network.owner.execute("select item, reason from ops.correction_queue").fetchall() == [
        ("SKU-0001", "breaker released")
    ]
    network.release(dict.fromkeys(keys(3), 11) | {("SKU-0002", "DC1"): 12})
    pending = network.owner.execute(
        "select item, reading_no, quantity from ops.outbox where state = 'pending' order by item"
    ).fetchall()
    assert pending == [("SKU-0001", 2, 3), ("SKU-0002", 1, 2), ("SKU-0003", 1, 1)]


def test_what_got_a_reason_of_its_own_meanwhile_is_not_let_go(network: Network) -> None:
    network.bounds = {"erp": Breakers(keys_max=2)}
    network.read(dict.fromkeys(keys(3), 10))
    network.release(dict.fromkeys(keys(3), 11))
    network.release(dict.fromkeys(keys(3), 11), hold={("SKU-0001", "DC1"): "conflict"})
    assert decide(network.publisher, 1, "released", by="ana", note="fine", at=network.now()).moved == 2
    assert network.states() == {"held": 1, "pending": 2}
    assert network.reasons("held") == {"conflict"}
    network.release(dict.fromkeys(keys(3), 11))
    assert network.states() == {"pending": 3}


def test_a_cause_that_goes_while_the_trip_stands_leaves_the_key_to_the_trip(network: Network) -> None:
    network.bounds = {"erp": Breakers(keys_max=2)}
    network.read(dict.fromkeys(keys(4), 10))
    network.release(dict.fromkeys(keys(4), 11), hold={("SKU-0004", "DC1"): "conflict"})
    network.release({("SKU-0004", "DC1"): 11})
    assert network.reasons("held") == {"breaker 1: too many keys"}
    assert decide(network.publisher, 1, "released", by="ana", note="fine", at=network.now()).moved == 4


def test_trip_1_lets_nothing_of_trip_12_go(network: Network) -> None:
    network.bounds = {"erp": Breakers(keys_max=1)}
    network.read(dict.fromkeys(keys(2), 10))
    network.release(dict.fromkeys(keys(2), 11))
    network.owner.execute("update ops.outbox set reason = 'breaker 12: too many keys' where item = 'SKU-0002'")
    assert decide(network.publisher, 1, "released", by="ana", note="fine", at=network.now()).moved == 1
    assert network.reasons("held") == {"breaker 12: too many keys"}


@pytest.mark.parametrize(("by", "note"), [("", "why"), ("ana", " "), ("ana", "x" * 501), ("ana", "two\nlines")])
def test_a_decision_has_a_name_and_a_reason(network: Network, by: str, note: str) -> None:
    network.bounds = {"erp": Breakers(keys_max=0)}
    network.read(dict.fromkeys(keys(1), 10))
    network.release(dict.fromkeys(keys(1), 11))
    with pytest.raises(TerminalError, match="missing, longer than"):
        decide(network.publisher, 1, "released", by=by, note=note, at=network.now())
    with pytest.raises(TerminalError, match="Breaker 7 has never tripped"):
        decide(network.publisher, 7, "released", by="ana", note="why", at=network.now())
    assert network.states() == {"held": 1}


@pytest.mark.parametrize(
    "statement",
    [
        "update ops.breaker_trips set measured = 99",
        "update ops.breaker_trips set target = null",
        "delete from ops.breaker_trips",
        "truncate ops.breaker_trips",
        "update ops.breaker_trips set state = 'released'",
    ],
)
def test_a_trip_is_evidence(network: Network, statement: str) -> None:
    network.bounds = {"erp": Breakers(keys_max=0)}
    network.read(dict.fromkeys(keys(1), 10))
    network.release(dict.fromkeys(keys(1), 11))
    with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)):
        network.owner.execute(statement)
    decide(network.publisher, 1, "denied", by="ana", note="why", at=network.now())
    with pytest.raises(psycopg.errors.RestrictViolation):
        network.owner.execute("update ops.breaker_trips set note = 'other'")


def test_a_release_killed_before_its_end_leaves_no_trip(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncline.outbox import release as module

    network.bounds = {"erp": Breakers(keys_max=0)}
    network.read(dict.fromkeys(keys(2), 10))
    batch = network.batch(dict.fromkeys(keys(2), 11))
    drain: Callable[..., Any] = module.drain

    def killed(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "drain", killed)
    with pytest.raises(KeyboardInterrupt):
        module.release(network.publisher, batch, network.now(), network.bounds)
    assert network.trips() == []
    monkeypatch.setattr(module, "drain", drain)
    module.release(network.publisher, batch, network.now(), network.bounds)
    assert module.release(network.publisher, batch, network.now(), network.bounds).already
    assert len(network.trips()) == 1
