"""The whole push against each stand-in: faults at random, somebody else at the numbers, and the books right at the end.

Time is real here, as the stand-ins' is; a target's declared seconds are short instead.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.targets.conftest import Loop
from tests.targets.contract.conftest import LATE_S
from tests.targets.push_traces import check

from syncline.clock import Clock
from syncline.errors import PartnerUnavailable
from syncline.outbox.desk import release_held
from syncline.targets.numbers import read_numbers
from syncline.targets.policy import TargetPolicy
from syncline.warehouse.connect import connect_dsn

if TYPE_CHECKING:
    from tests.targets.contract.standin import StandIn

CYCLES_MAX = 12
QUIET_CYCLES = 3
SEED = 7
FAULTS = ("lost_request", "lost_answer", "late", "cut_body", "server_error", "error_after", "throttled", "locked")


class AdapterLoop(Loop):
    """A loop whose target is a stand-in of the contract suite."""

    standin: StandIn

    def client(self) -> Any:
        return self.standin.adapter_at(self.standin.base_url, True)

    def cycle(self) -> None:
        with suppress(PartnerUnavailable):  # its DAG would be red and tried again; everything known is stored
            self.push()
        self.release()

    def is_quiet(self) -> bool:
        """Every key has shown its truth, and nothing is open."""
        shown = self.owner.execute(
            "select distinct on (item, location) item, location, quantity from ops.target_readings "
            "order by item, location, reading_no desc"
        ).fetchall()
        is_open = any(self.states().get(state) for state in ("pending", "held", "sent", "unknown", "rejected"))
        return not is_open and {(item, location): number for item, location, number in shown} == self.truth


@pytest.fixture
def loop(
    standin: StandIn, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], candidates: None
) -> Iterator[AdapterLoop]:
    can = standin.capabilities
    policy = TargetPolicy(
        "vendor", can, life_s=LATE_S + 1.0, lag_s=0.0, sole_writer=True, key_retention_s=can.key_retention_s,
        lines_max=min(5, can.lines_max), tries_max=8, call_s=2.0, lease_s=6.0 if can.answers_later else 2.5,
        run_s=12.0, back_off_s=0.1, back_off_max_s=1.0, trouble_max=6, reread_s=0.0, not_executed=frozenset({423, 429}),
    )  # fmt: skip
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as publisher:
        made = AdapterLoop(
            warehouse, publisher, warehouse_dsn("publisher"), None, standin.base_url, policy, Clock(), {}, time.sleep
        )  # type: ignore[arg-type]
        made.standin = standin
        yield made
        _, told = check(warehouse, "vendor", made.policy)
        assert not told, told


def test_every_correction_takes_effect_once_whatever_goes_wrong(loop: AdapterLoop, standin: StandIn) -> None:
    rng = Random(f"{SEED} {loop.policy.can}")
    loop.truth = {key: standin.book.numbers[key] + rng.choice((-7, -1, 2, 11)) for key in standin.keys}
    loop.cycle()  # the first release has no reading yet: it only says what is wanted
    loop.cycle()
    standin.faults.script.extend(rng.sample(FAULTS, len(FAULTS)))
    for cycle in range(CYCLES_MAX):
        if cycle == 1:
            loop.truth = {key: number + rng.choice((-3, 4)) for key, number in loop.truth.items()}
        loop.cycle()
        if cycle > 1 and loop.is_quiet():
            break
    report = f"seed {SEED}: {loop.states()}, {standin.book.effects}"
    assert loop.is_quiet(), report
    assert {key: standin.book.numbers[key] for key in standin.keys} == loop.truth, report
    twice = Counter((each.reference, each.item, each.location) for each in standin.book.effects)
    assert not [each for each, count in twice.items() if count > 1], report
    before = len(standin.book.effects)
    loop.cycle()
    assert len(standin.book.effects) == before, "a quiet loop pushes nothing"


def test_with_nothing_outside_the_second_cycle_sends_nothing(loop: AdapterLoop, standin: StandIn) -> None:
    loop.truth = {key: standin.book.numbers[key] + 3 for key in standin.keys}
    loop.cycle()  # nothing is known of the target yet
    loop.cycle()
    loop.push()
    assert loop.is_quiet()
    assert len(standin.book.effects) == len(standin.keys)
    for _ in range(QUIET_CYCLES):  # each reads every number again, and finds its own
        assert loop.release().pending == 0
        assert loop.push()["sent"] == 0
    assert len(standin.book.effects) == len(standin.keys)


def test_what_others_change_is_corrected_from_a_new_reading(loop: AdapterLoop, standin: StandIn) -> None:
    # A set without compare waits for a person there: the next test.
    is_uncompared = (standin.capabilities.writes, standin.capabilities.compare) == ("set", "none")
    loop.policy = replace(loop.policy, sole_writer=is_uncompared)
    loop.truth = {key: standin.book.numbers[key] + 3 for key in standin.keys}
    loop.cycle()
    loop.cycle()
    standin.book.add(standin.keys[0], -5)
    for _ in range(CYCLES_MAX):
        loop.cycle()
        if loop.is_quiet():
            break
    assert {key: standin.book.numbers[key] for key in standin.keys} == loop.truth


def test_a_reading_that_another_one_overtook_is_not_stored(loop: AdapterLoop, standin: StandIn) -> None:
    """Two runs of one target: who looked first stores last. What the other one saw stands."""
    if standin.capabilities.lists_changes:
        pytest.skip("is not read by key")
    loop.truth = {key: standin.book.numbers[key] for key in standin.keys}
    loop.cycle()
    loop.cycle()
    changes = [5]

    class Slow:
        def show(self, keys: Any) -> Any:
            told = loop.client().show(keys)
            while changes:
                standin.book.add(standin.keys[0], changes.pop())
                with connect_dsn(loop.dsn, name="another run") as other:
                    read_numbers(other, loop.client(), loop.policy, loop.clock)
            return told

    read_numbers(loop.publisher, Slow(), loop.policy, loop.clock)  # type: ignore[arg-type]
    item, location = standin.keys[0]
    (newest,) = loop.owner.execute(
        "select quantity from ops.target_readings where (item, location) = (%s, %s) order by reading_no desc limit 1",
        (item, location),
    ).fetchall()
    assert newest == (standin.book.numbers[item, location],)


def test_a_set_without_compare_on_a_number_others_write_waits_for_a_person(loop: AdapterLoop, standin: StandIn) -> None:
    if (standin.capabilities.writes, standin.capabilities.compare) != ("set", "none"):
        pytest.skip("compares, or sends deltas")
    loop.policy = replace(loop.policy, sole_writer=False)
    loop.truth = {key: standin.book.numbers[key] + 3 for key in standin.keys}
    for _ in range(3):
        loop.cycle()
    assert loop.states() == {"held": len(standin.keys)}
    assert standin.book.effects == []
    ((correction, reason),) = loop.owner.execute(
        "select correction_id, reason from ops.outbox order by item limit 1"
    ).fetchall()
    assert reason == "set without compare"
    release_held(loop.publisher, correction, by="somebody", at=loop.clock.now())
    loop.push()
    assert len(standin.book.effects) == 1


def test_a_failed_compare_stops_no_other_line(
    loop: AdapterLoop, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    if standin.capabilities.compare == "none":
        pytest.skip("compares nothing")
    loop.policy = replace(loop.policy, sole_writer=False)
    loop.truth = {key: standin.book.numbers[key] + 3 for key in standin.keys}
    loop.cycle()
    loop.cycle()
    changes = [lambda: standin.book.add(standin.keys[0], -5)]  # after the claim, before the first byte
    at = type(standin.adapter)
    send = at.send

    def send_late(adapter: Any, document: Any, timeout_s: float) -> Any:
        while changes:
            changes.pop()()
        return send(adapter, document, timeout_s)

    monkeypatch.setattr(at, "send", send_late)
    # And where an answer is lost, it may be that of a document that failed.
    standin.faults.script.append("lost_answer")
    for _ in range(CYCLES_MAX):
        loop.cycle()
        if loop.is_quiet():
            break
    tried = loop.owner.execute(
        "select item, state, reason, tries from ops.outbox where tries > 0 order by 1"
    ).fetchall()
    assert loop.is_quiet(), tried
    assert loop.owner.execute("select max(tries) from ops.outbox").fetchone() <= (3,), tried
    assert not loop.owner.execute("select from ops.exceptions where rule like 'push.%' and state = 'open'").fetchall()
