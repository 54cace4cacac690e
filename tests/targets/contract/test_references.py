"""The whole push against each stand-in, where the target and we have no name in common."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.targets.contract.conftest import LATE_S
from tests.targets.contract.test_flow import FAULTS, AdapterLoop
from tests.targets.naming import call, named, open_exceptions

from syncline.clock import Clock
from syncline.errors import PartnerUnavailable
from syncline.targets.policy import TargetPolicy
from syncline.warehouse.connect import connect_dsn

if TYPE_CHECKING:
    from tests.targets.contract.standin import StandIn

CYCLES_MAX = 14
SEED = 11
WAIT_S = 20.0


class Ours:
    """Our names of a stand-in's keys; none is one of its own."""

    def __init__(self, keys: tuple[tuple[str, str], ...]) -> None:
        self.items = {f"OURS-{at}": item for at, item in enumerate(sorted({item for item, _ in keys}))}
        self.places = {f"PLACE {at}": place for at, place in enumerate(sorted({place for _, place in keys}))}
        items, places = ({ref: name for name, ref in names.items()} for names in (self.items, self.places))
        self.keys = {(items[item], places[place]): (item, place) for item, place in keys}


@pytest.fixture
def loop(
    standin: StandIn, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], candidates: None
) -> Iterator[AdapterLoop]:
    can = standin.capabilities
    policy = TargetPolicy(
        "vendor", can, life_s=LATE_S + 1.0, sole_writer=True, key_retention_s=can.key_retention_s,
        lines_max=min(5, can.lines_max), tries_max=8, call_s=2.0, lease_s=6.0 if can.answers_later else 2.5,
        run_s=12.0, back_off_s=0.1, back_off_max_s=1.0, trouble_max=6, reread_s=0.0, not_executed=frozenset({423, 429}),
        references_required=True,
    )  # fmt: skip
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as publisher:
        made = AdapterLoop(
            warehouse, publisher, warehouse_dsn("publisher"), None, standin.base_url, policy, Clock(), {}, time.sleep
        )  # type: ignore[arg-type]
        made.standin = standin
        named(made)
        yield made


def test_every_correction_takes_effect_once_under_the_targets_names(loop: AdapterLoop, standin: StandIn) -> None:
    rng = Random(f"{SEED} {loop.policy.can}")
    ours = Ours(standin.keys)
    call(loop, ours.items, ours.places)
    loop.truth = {key: standin.book.numbers[ref] + rng.choice((-7, -1, 2, 11)) for key, ref in ours.keys.items()}
    loop.cycle()
    standin.faults.script.extend(rng.sample(FAULTS, len(FAULTS)))
    for number in range(CYCLES_MAX):
        if number == 1:
            loop.truth = {key: wanted + rng.choice((-3, 4)) for key, wanted in loop.truth.items()}
        loop.cycle()
        if number > 1 and loop.is_quiet():
            break
    report = f"seed {SEED}: {loop.states()}, {standin.book.effects}"
    assert loop.is_quiet(), report
    assert {key: standin.book.numbers[ref] for key, ref in ours.keys.items()} == loop.truth, report
    twice = Counter((each.reference, each.item, each.location) for each in standin.book.effects)
    assert not [each for each, count in twice.items() if count > 1], report
    assert open_exceptions(loop.owner, "push.reference_mismatch") == []
    requests = loop.owner.execute("select request from ops.push_documents").fetchall()
    said = {(line["item"], line["location"]) for (request,) in requests for line in request["lines"]}
    assert said <= set(standin.keys)
    before = len(standin.book.effects)
    loop.cycle()
    assert len(standin.book.effects) == before, "a quiet loop pushes nothing"


def test_a_try_in_doubt_keeps_its_reference_when_the_name_changes(loop: AdapterLoop, standin: StandIn) -> None:
    """Its item is called otherwise after the first try, whose answer is lost: it is proven where it was sent."""
    ours = Ours(standin.keys)
    other = next(key for key in standin.keys if key[0] != standin.keys[0][0])
    name = next(name for name, ref in ours.items.items() if ref == standin.keys[0][0])
    place = next(name for name, ref in ours.places.items() if ref == standin.keys[0][1])
    call(loop, {name: standin.keys[0][0]}, ours.places)
    loop.truth = {(name, place): 104}
    loop.cycle()
    loop.cycle()
    assert loop.states() == {"pending": 1}
    loop.policy = replace(loop.policy, run_s=0.1)  # a try a run
    standin.faults.script.append("lost_answer")
    with suppress(PartnerUnavailable):
        loop.push()
    call(loop, {name: other[0]}, ours.places)
    ends_s = time.monotonic() + WAIT_S
    while not loop.states().keys() & {"applied", "dead"}:  # dead: a version that moved on, which claims nothing
        assert time.monotonic() < ends_s, f"{loop.states()} {standin.book.effects}"
        time.sleep(0.3)
        with suppress(PartnerUnavailable):
            loop.push()
    first = [each for each in standin.book.effects if each.item == standin.keys[0][0]]
    assert [each.delta for each in first] == [4], f"{loop.states()} {standin.book.effects}"
