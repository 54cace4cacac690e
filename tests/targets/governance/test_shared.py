"""What workers of one target share, in a real Postgres: places in time, slots, and who tries alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.targets.governance.conftest import TOKEN, at_once

from syncline.errors import PartnerUnavailable
from syncline.targets.governance.governor import Heard
from syncline.targets.http import LoginRefused, NotSent

GOOD = Heard(200)
MakeGovernor = Callable[..., Any]


def test_two_workers_draw_from_one_bucket(make_governor: MakeGovernor) -> None:
    waits: list[float] = []
    workers = [make_governor(waits.append, per_s=0.1, burst=2, concurrent=9) for _ in range(2)]
    for number in range(5):
        workers[number % 2].take(200.0)
    assert [round(wait / 10) for wait in waits] == [1, 2, 3], "two at once, then one in ten seconds, whoever asks"


def test_a_place_in_time_that_is_too_far_away_is_not_reserved(make_governor: MakeGovernor) -> None:
    waits: list[float] = []
    worker = make_governor(waits.append, per_s=0.1, burst=1, concurrent=9)
    worker.take(4.0)
    for _ in range(3):
        with pytest.raises(NotSent) as refused:
            worker.take(4.0)
        assert 8 < refused.value.retry_after_s <= 10
    assert waits == []


def test_what_was_reserved_and_not_used_goes_to_another(make_governor: MakeGovernor) -> None:
    waits: list[float] = []
    one, other = (make_governor(waits.append, per_s=0.1, burst=1, concurrent=1) for _ in range(2))
    one.reserve(1.0, 1.0)
    one.free()
    other.take(1.0)
    assert waits == []


def test_what_was_reserved_is_used_by_the_next_call(make_governor: MakeGovernor, warehouse: psycopg.Connection) -> None:
    worker = make_governor(per_s=0.1, burst=1, concurrent=1)
    worker.reserve(1.0, 1.0)
    worker.give_back(worker.take(1.0), GOOD)
    worker.free()
    assert warehouse.execute("select count(*) from ops.target_permits").fetchone() == (1,)
    with pytest.raises(PartnerUnavailable):
        worker.reserve(1.0, 1.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_more_calls_are_under_way_than_allowed(make_governor: MakeGovernor, seed: int) -> None:
    workers = [make_governor(per_s=1000.0, burst=1000, concurrent=3) for _ in range(8)]
    taken = at_once(8, lambda number: workers[number].take(0.01))
    refused = [each for each in taken if isinstance(each, NotSent)]
    assert (len(taken) - len(refused), len(refused)) == (3, 5)
    kept = next(each for each in taken if not isinstance(each, NotSent))
    workers[0].give_back(kept, GOOD)
    workers[1].take(0.01)


TAKE_AND_WAIT = textwrap.dedent("""
    import os, sys, time
    from syncline.clock import Clock
    from syncline.connections import Connection
    from syncline.registry.models import Limits
    from syncline.targets.governance.shared import SharedGovernor
    from syncline.warehouse.connect import connect_dsn
    worker = SharedGovernor(connect_dsn(os.environ["DSN"]), "erp", Limits(concurrent=1), Clock(), "killed")
    worker.login = worker.fingerprint_of(Connection("erp", "http", "http://localhost", password=os.environ["TOKEN"]))
    print(worker.take(1.0), flush=True)
    time.sleep(60)
""")


def test_the_slot_of_a_killed_worker_comes_back(
    make_governor: MakeGovernor, warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    other = make_governor(concurrent=1)
    killed = subprocess.Popen(
        [sys.executable, "-c", TAKE_AND_WAIT],
        env=os.environ | {"DSN": warehouse_dsn("publisher"), "TOKEN": TOKEN}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert killed.stdout is not None
    assert killed.stdout.readline().startswith("Permit")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with pytest.raises(NotSent, match="as many calls under way"):
        other.take(0.1)
    warehouse.execute(
        "select pg_sleep(extract(epoch from max(held_until) - clock_timestamp())) from ops.target_permits"
    )
    other.take(0.1)


def test_a_circuit_opens_and_one_of_many_probes(make_governor: MakeGovernor, warehouse: psycopg.Connection) -> None:
    workers = [make_governor(concurrent=9, circuit={"failures": 3, "open_s": 60}) for _ in range(8)]
    late = workers[7].take(1.0)
    for worker in workers[:3]:
        worker.give_back(worker.take(1.0), Heard(503))
    with pytest.raises(NotSent, match="left alone") as closed:
        workers[3].take(1.0)
    assert 50 < closed.value.retry_after_s <= 60
    workers[7].give_back(late, GOOD)
    with pytest.raises(NotSent, match="left alone"):  # an answer to a call from before proves nothing
        workers[3].take(1.0)

    def probe() -> list[Any]:
        warehouse.execute("update ops.target_limits set opened_at = opened_at - interval '60 s'")
        return at_once(8, lambda number: workers[number].take(1.0))

    taken = probe()
    (number,) = (place for place, each in enumerate(taken) if not isinstance(each, NotSent))
    workers[number].give_back(taken[number], Heard(None))
    with pytest.raises(NotSent):
        workers[number].take(1.0)
    taken = probe()
    (number,) = (place for place, each in enumerate(taken) if not isinstance(each, NotSent))
    workers[number].give_back(taken[number], GOOD)
    for worker in workers:
        worker.give_back(worker.take(1.0), GOOD)


def test_a_token_does_not_prove_that_the_target_works(make_governor: MakeGovernor, warehouse: Any) -> None:
    worker, other = (make_governor(circuit={"failures": 1, "open_s": 60}) for _ in range(2))
    worker.give_back(worker.take(1.0), Heard(None))
    warehouse.execute("update ops.target_limits set opened_at = opened_at - interval '60 s'")
    worker.give_back(worker.take(1.0), Heard(200, is_login=True))
    with pytest.raises(NotSent):
        other.take(1.0)
    worker.give_back(worker.take(1.0), GOOD)
    other.take(1.0)


def test_refusals_and_throttles_do_not_open_the_circuit(make_governor: MakeGovernor) -> None:
    worker = make_governor(circuit={"failures": 2, "open_s": 60})
    for status in (503, 400, 500, 404, 503, 422, 503):
        worker.give_back(worker.take(1.0), Heard(status))
    worker.take(1.0)


def test_retry_after_pauses_everybody(make_governor: MakeGovernor) -> None:
    waits: list[float] = []
    workers = [make_governor(waits.append) for _ in range(3)]
    workers[0].give_back(workers[0].take(1.0), Heard(429, 20.0))
    for worker in workers:
        with pytest.raises(NotSent) as asked:
            worker.take(30.0)
        assert 15 < asked.value.retry_after_s <= 20
    workers[1].take(60.0)
    assert [round(wait / 5) for wait in waits] == [4]


def test_a_new_login_is_tried_by_one_and_a_refused_one_by_nobody(make_governor: MakeGovernor) -> None:
    workers = [make_governor(trusted=False, concurrent=9) for _ in range(6)]
    taken = at_once(6, lambda number: workers[number].take(0.1))
    (number,) = (place for place, each in enumerate(taken) if not isinstance(each, NotSent))
    workers[number].give_back(taken[number], Heard(401))
    for each in workers:
        if each is not workers[number]:
            with pytest.raises(NotSent):  # it is the first one's to judge, also after its answer
                each.take(0.1)
    workers[number].refuse_login()
    for each in workers:
        with pytest.raises(LoginRefused):
            each.take(0.1)
    changed = make_governor(login="another", trusted=False)
    changed.give_back(changed.take(0.1), GOOD)
    changed.take(0.1)


def test_a_clock_that_was_set_back_holds_nobody_for_long(make_governor: MakeGovernor, warehouse: Any) -> None:
    waits: list[float] = []
    worker = make_governor(waits.append, per_s=10.0, burst=2, concurrent=3)
    worker.give_back(worker.take(1.0), GOOD)
    warehouse.execute("update ops.target_limits set next_at = next_at + interval '1 hour'")
    worker.take(2.0)
    assert max(waits) <= 0.5
