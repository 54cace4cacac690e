"""Governed adapters over real HTTP: what one worker is told, all of them heed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from tests.targets.governance.conftest import at_once, connection, entry

from bench.limited import Limited
from syncline.clock import Clock
from syncline.errors import PartnerUnavailable
from syncline.targets.contract import Budget, Document, Line
from syncline.targets.cycle import run_push
from syncline.targets.governance.adapter import GovernedAdapter, governed
from syncline.targets.governance.shared import budget_wait_s
from syncline.targets.governance.status import status

MakeWorker = Callable[..., GovernedAdapter]


@pytest.fixture
def make_worker(limited: Limited, publisher: Callable[[], Any]) -> Iterator[MakeWorker]:
    """``make_worker(per_s=..., ...)``: one more worker of the same target."""
    with ExitStack() as opened:

        def make(**limits: Any) -> GovernedAdapter:
            target = entry(**limits)
            return opened.enter_context(
                governed(target, lambda: connection(limited.url), publisher(), Clock(), "worker")
            )

        yield make


def document(number: int) -> Document:
    return Document((Line(f"{number:064x}", "SKU-0001", "DC1", 1),))


def test_workers_together_stay_inside_what_the_target_allows(limited: Limited, make_worker: MakeWorker) -> None:
    workers = [make_worker(per_s=50.0, burst=5, concurrent=8) for _ in range(4)]
    limited.per_s, limited.capacity = 50.0, 10.0

    def send(worker: int) -> None:
        for number in range(20):
            with workers[worker].turn(10.0):
                workers[worker].send(document(100 * worker + number), 4.0)

    assert at_once(4, send) == [None] * 4
    assert (len(limited.effects), limited.refused.total()) == (80, 0)


def test_retry_after_of_one_pauses_all(
    limited: Limited, make_worker: MakeWorker, warehouse: psycopg.Connection
) -> None:
    one, other = make_worker(), make_worker()
    limited.status, limited.retry_after_s = 429, 40
    assert [each.outcome for each in one.send(document(1), 4.0).lines.values()] != ["applied"]
    limited.status, before = 200, len(limited.accepted)
    answer = other.send(document(2), 4.0)
    assert [(each.outcome, each.code) for each in answer.lines.values()] == [("not_executed", "not_sent")]
    with pytest.raises(PartnerUnavailable) as told:
        other.changes(0, 1)
    assert 35 < (told.value.retry_after_s or 0) <= 40
    with pytest.raises(PartnerUnavailable), other.turn(10.0):
        pytest.fail("nothing may be claimed")
    assert len(limited.accepted) == before
    shown = status(warehouse, "erp", entry().limits)
    assert (shown.circuit, shown.pause_reason, shown.paused_until is not None) == ("closed", "it asked to wait", True)


def test_an_open_circuit_sends_and_reads_nothing_until_one_probe(
    limited: Limited, make_worker: MakeWorker, warehouse: psycopg.Connection
) -> None:
    workers = [make_worker(circuit={"failures": 3, "open_s": 60}, concurrent=9) for _ in range(6)]
    limited.status = 503
    answers = [workers[0].send(document(number), 4.0) for number in range(3)]
    assert all(answer.silent for answer in answers)
    before = len(limited.accepted)
    for result in at_once(6, lambda number: workers[number].changes(0, 1)):
        assert isinstance(result, PartnerUnavailable)
    assert len(limited.accepted) == before
    assert status(warehouse, "erp", entry().limits).circuit == "open"

    limited.status, limited.answer_s = 200, 0.3
    warehouse.execute("update ops.target_limits set opened_at = opened_at - interval '60 s'")
    results = at_once(6, lambda number: workers[number].changes(0, 1))
    assert [isinstance(result, PartnerUnavailable) for result in results].count(False) == 1
    assert len(limited.accepted) == before + 1
    assert not any(isinstance(each, Exception) for each in at_once(6, lambda n: workers[n].changes(0, 1)))


def test_a_budget_is_saved_for_as_many_calls_as_may_be_under_way() -> None:
    assert budget_wait_s(Budget(left=10.0, restored_per_s=100.0, cost=15.0), concurrent=4) == 0.5
    assert budget_wait_s(Budget(left=60.0, restored_per_s=100.0, cost=15.0), concurrent=4) == 0.0
    assert budget_wait_s(Budget(left=0.0, restored_per_s=0.001, cost=15.0), concurrent=4) == 300.0


def test_a_run_against_an_open_circuit_claims_nothing(
    make_loop: Callable[..., Any], publisher: Callable[[], Any]
) -> None:
    key = ("SKU-0001", "DC1")
    loop = make_loop("erp", {key: 10}, {key: 12})
    loop.push()
    assert loop.release().pending == 1
    target = entry(circuit={"failures": 3, "open_s": 60})

    def push() -> None:
        conn = publisher()
        with governed(target, lambda: connection(loop.url, loop.token), conn, loop.clock, "worker") as adapter:
            run_push(loop.publisher, adapter, loop.policy, loop.clock, "worker", loop.sleep)

    loop.book.down = True
    for _ in range(3):
        with pytest.raises(PartnerUnavailable):
            push()
    loop.book.down = False
    with pytest.raises(PartnerUnavailable, match="left alone"):
        push()
    assert loop.owner.execute("select state, tries from ops.outbox").fetchall() == [("pending", 0)]
    loop.owner.execute("update ops.target_limits set opened_at = opened_at - interval '60 s'")
    push()
    assert loop.states() == {"applied": 1}
    assert loop.book.numbers == {key: 12}
