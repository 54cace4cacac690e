"""Lanes, several workers of one run, and what goes first."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.targets.contract.telling import until

from bench.warehouse import told_by_the_floor
from syncline.clock import Clock
from syncline.errors import ConfigurationError, PartnerUnavailable
from syncline.targets import claiming
from syncline.targets.claiming import DUE, claim
from syncline.targets.contract import Document, DocumentAnswer
from syncline.targets.erp.client import ErpClient
from syncline.targets.lanes import LANES, Lanes, Share, lane
from syncline.targets.workers import push_with
from syncline.warehouse.connect import connect_dsn

MakeLoop = Callable[..., Any]
NUMBERS = {(f"SKU-{item:04}", site): 50 for item in range(24) for site in ("DC1", "DC2")}
TRUTH = {key: 50 + (number % 7 - 3 or 4) for number, key in enumerate(sorted(NUMBERS))}


def push(loop: Any, workers: int, client: Callable[[], Any] | None = None) -> dict[str, int]:
    @contextmanager
    def open_worker() -> Iterator[tuple[psycopg.Connection, Any]]:
        with connect_dsn(loop.dsn, name="publisher") as conn, closing((client or loop.client)()) as adapter:
            yield conn, adapter

    return push_with(workers, open_worker, loop.policy, loop.clock, "test", loop.sleep)


def ready(make_loop: MakeLoop, target: str = "erp", **policy: Any) -> Any:
    loop = make_loop(target, NUMBERS, TRUTH, lines_max=3, **policy)
    loop.push()
    assert loop.release().pending == len(TRUTH)
    return loop


@pytest.mark.parametrize("target", ["erp", "shop"])
@pytest.mark.parametrize("workers", [1, 4])
def test_workers_together_do_what_one_does(make_loop: MakeLoop, target: str, workers: int) -> None:
    loop = ready(make_loop, target)
    gate = threading.Barrier(workers)  # the first document of each is at the target when the others' are
    loop.book.before_document = [lambda _: gate.wait(10)] * workers
    done = push(loop, workers)
    assert (done["sent"], done["applied"]) == (len(TRUTH), len(TRUTH))
    assert loop.book.numbers == TRUTH
    assert set(loop.book.effects.values()) == {1}
    holders = loop.owner.execute("select count(distinct lease_holder) from ops.outbox_history").fetchone()
    assert holders == (workers,)
    assert loop.owner.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone() == (0,)


@pytest.mark.parametrize("fault", ["lost_applied", "lost", "locked", "busy"])
def test_faults_under_several_workers_change_the_target_once(make_loop: MakeLoop, fault: str) -> None:
    loop = ready(make_loop, trouble_max=20)
    loop.book.faults = [fault] * 6
    push(loop, 4)
    push(loop, 4)
    assert loop.book.numbers == TRUTH
    assert set(loop.book.effects.values()) == {1}
    assert loop.states() == {"applied": len(TRUTH)}


def test_a_target_that_is_down_ends_the_run_of_all_workers(make_loop: MakeLoop) -> None:
    loop = ready(make_loop)
    loop.book.faults = ["broken"] * 40
    with pytest.raises(PartnerUnavailable, match="documents in a row"):
        push(loop, 4)
    assert len(loop.book.documents) <= loop.policy.trouble_max + 3, "those under way, and no more"
    loop.book.faults = []
    push(loop, 4)
    assert loop.book.numbers == TRUTH


def test_the_error_of_one_worker_ends_the_run_and_loses_nothing(make_loop: MakeLoop) -> None:
    class Refused(ErpClient):
        opened = 0

        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            type(self).opened += 1
            self._number = self.opened

        def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
            if self._number == 3:
                raise ConfigurationError("The third worker has no right.", next_step="Give it one.")
            return super().send(document, timeout_s)

    loop = ready(make_loop)
    with pytest.raises(ConfigurationError, match="third worker"):
        push(loop, 4, lambda: Refused(loop.url, loop.token, loop.policy))
    states = loop.states()
    assert states["sent"] <= loop.policy.lines_max, "only what the third had claimed waits for its lease"
    assert set(states) <= {"sent", "applied", "pending"}, "the others have written down what they had under way"
    loop.sleep(loop.policy.lease_s)
    push(loop, 4)
    assert loop.book.numbers == TRUTH
    assert set(loop.book.effects.values()) == {1}


def test_a_lane_has_one_holder_and_dies_with_its_connection(loop_of_nothing: Any) -> None:
    owner = loop_of_nothing.owner
    first, second = (connect_dsn(loop_of_nothing.dsn, name="publisher") for _ in range(2))
    with second, Lanes(first, "erp") as held:
        assert held.take([1, 2]) == {1, 2}
        with Lanes(second, "erp") as asked, Lanes(second, "shop") as other:
            assert asked.take([2, 3]) == {3}
            assert asked.busy == [2]
            assert other.take([2]) == {2}, "another target's"
        assert held.take_items(f"SKU-{n}" for n in range(500))
        with lane(second, "erp", "SKU-1") as free:
            assert not free
        gone = first.info.backend_pid
        first.close()
        until(lambda: owner.execute("select from pg_stat_activity where pid = %s", [gone]).fetchone() is None)
        with lane(second, "erp", "SKU-1") as free:
            assert free, "the server gave it back"


def test_a_share_is_asked_first_and_the_rest_when_it_is_empty(make_loop: MakeLoop) -> None:
    loop = ready(make_loop)
    lanes = dict(loop.owner.execute(f"select item, hashtext(item) & {LANES - 1} from ops.outbox").fetchall())
    mine = {item for item, number in lanes.items() if number % 2}
    seen: list[str] = []
    while len(seen) < len(TRUTH):
        with ExitStack() as held:
            claimed = claim(loop.publisher, loop.policy, loop.clock, "test", held, Share(1, 2))
            assert claimed is not None
            seen += [line.item for line in claimed.document.lines]
            loop.owner.execute("update ops.outbox set state = 'applied' where state = 'sent'")
    assert set(seen[: 2 * len(mine)]) == mine
    assert len(seen) == len(TRUTH)


def test_an_item_under_way_waits_also_when_its_worker_gave_the_lane_back(make_loop: MakeLoop) -> None:
    loop = ready(make_loop)
    with ExitStack() as dead:
        claimed = claim(loop.publisher, loop.policy, loop.clock, "dead", dead)
        assert claimed is not None
    under_way = {line.item for line in claimed.document.lines}
    seen: set[str] = set()
    with ExitStack() as held:
        while (other := claim(loop.publisher, loop.policy, loop.clock, "test", held)) is not None:
            seen |= {line.item for line in other.document.lines}
    assert seen == {key[0] for key in TRUTH} - under_way


def test_a_line_moved_before_it_is_locked_is_left_out(make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = ready(make_loop)
    commit, moved = claiming._commit, []

    def moves_first(*given: Any) -> bool:
        if not moved:
            moved.append(given[-1].document.lines[1].reference)
            loop.owner.execute("update ops.outbox set state = 'held' where correction_id = %s", (moved[0],))
        return commit(*given)

    monkeypatch.setattr(claiming, "_commit", moves_first)
    with ExitStack() as held:
        claimed = claim(loop.publisher, loop.policy, loop.clock, "test", held)
    assert claimed is not None
    assert moved[0] not in claimed.tries
    assert loop.states() == {"sent": 3, "held": 1, "pending": len(TRUTH) - 4}
    assert loop.owner.execute("select count(*) from ops.push_attempts").fetchone() == (3,), "nothing of the first"


def test_an_item_claimed_meanwhile_by_a_worker_that_died_is_left_out(
    make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = ready(make_loop)
    commit, dead = claiming._commit, []

    def dies_first(*given: Any) -> Any:
        if not dead:
            item, location = given[-1].document.lines[-1].item, given[-1].document.lines[-1].location
            dead.append(item)
            loop.owner.execute(
                "update ops.outbox set state = 'sent', tries = 1 where item = %s and location <> %s", (item, location)
            )
        return commit(*given)

    monkeypatch.setattr(claiming, "_commit", dies_first)
    with ExitStack() as held:
        claimed = claim(loop.publisher, loop.policy, loop.clock, "test", held)
    assert claimed is not None
    assert dead[0] not in {line.item for line in claimed.document.lines}


PUSH = """
import os
from contextlib import contextmanager
from syncline.clock import Clock
from syncline.targets.erp.client import ErpClient
from syncline.targets.policy import TargetPolicy
from syncline.targets.workers import push_with
from syncline.warehouse.connect import connect_dsn

policy = TargetPolicy("erp", ErpClient.capabilities, lines_max=3, call_s=2.0, lease_s=2.5, run_s=15.0, back_off_s=0.1)

@contextmanager
def open_worker():
    with connect_dsn(os.environ["DSN"], name="publisher") as conn:
        yield conn, ErpClient(os.environ["URL"], os.environ["TOKEN"], policy)

push_with(3, open_worker, policy, Clock(), "killed")
"""


@pytest.mark.parametrize("calls", [2, 7])
def test_killed_with_calls_under_way_and_run_again(make_loop: MakeLoop, calls: int) -> None:
    """The target may have executed what nobody heard of: the leases end, the list proves it."""
    loop = ready(make_loop)
    object.__setattr__(loop, "clock", Clock())
    environment = os.environ | {"DSN": loop.dsn, "URL": loop.url, "TOKEN": loop.token}

    def run() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", PUSH], env=environment)

    loop.book.faults, loop.book.slow_s = ["ok"] * calls + ["slow"] * 3, 1.0
    with run() as running:
        assert loop.book.arrived.wait(20)
        running.kill()
    assert loop.states().get("sent", 0) > 0
    loop.book.faults = []
    with run() as again:
        assert again.wait(40) == 0
    assert loop.book.numbers == TRUTH
    assert set(loop.book.effects.values()) == {1}
    assert loop.states() == {"applied": len(TRUTH)}


# What is first: what sells what is not there.
A, B, C, D = (("SKU-1", "DC1"), ("SKU-2", "DC1"), ("SKU-3", "DC1"), ("SKU-4", "DC1"))


def test_what_oversells_goes_first(make_loop: MakeLoop) -> None:
    loop = make_loop("shop", {A: 10, B: 10, C: 10}, {A: 12, B: 4, C: 0}, lines_max=1)
    loop.push()
    loop.release()
    loop.push()
    assert [document[0]["sku"] for document in loop.book.documents] == [C[0], B[0], A[0]]


@pytest.mark.parametrize(("later_s", "first"), [(599, B), (601, A)])
def test_a_raise_waits_for_later_ones_ten_minutes_at_most(
    make_loop: MakeLoop, later_s: int, first: tuple[str, str]
) -> None:
    loop = make_loop("shop", {A: 10, B: 10}, {A: 12, B: 10}, lines_max=1)
    loop.push()
    loop.release()
    loop.truth[B] = 0
    loop.sleep(later_s)
    loop.release()
    loop.push()
    assert loop.book.documents[0][0]["sku"] == first[0]


@pytest.mark.parametrize(
    ("kind", "wanted", "priority"),
    [("set", -1, 0), ("set", 0, 0), ("set", 9, 1), ("set", 10, 2), ("set", 11, 2), ("delta", 0, 3), ("delta", 1, 4),
     ("delta", 12, 5)],
)  # fmt: skip
def test_the_rank_follows_from_the_body_and_stays(loop_of_nothing: Any, kind: str, wanted: int, priority: int) -> None:
    owner, at = loop_of_nothing.owner, loop_of_nothing.clock.now()
    owner.execute("insert into ops.batches (as_of, state) values (%s, 'released')", (at,))
    told_by_the_floor(owner)
    owner.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, "
        "quantity, state, batch_id, created_at, changed_at, fact_id) select 'c', 'shop', 'SKU-1', 'DC1', 1, 1, %s, %s, "
        "10, 1, 'held', max(batch_id), %s, %s, 'floor' from ops.batches",
        (kind, wanted, at, at),
    )
    ranked = owner.execute("select priority, send_by from ops.outbox").fetchone()
    assert ranked == (priority, at + timedelta(minutes=5 * priority))
    with pytest.raises(psycopg.errors.RestrictViolation, match="follows from its body"):
        owner.execute("update ops.outbox set send_by = send_by - interval '1 day'")


def test_a_claim_reads_in_the_order_of_an_index(make_loop: MakeLoop) -> None:
    """However many wait: rows are taken from the index until the document is full, and never sorted."""
    loop = ready(make_loop)
    values = {"target": "erp", "now": loop.clock.now(), "limit": 3, "busy": [], "share": 0, "of": 1, "compares": False,
              "repeats": False}  # fmt: skip
    with loop.owner.transaction():
        loop.owner.execute("set local enable_seqscan = off")
        rows = loop.owner.execute("explain (analyze, costs off, timing off) " + DUE, values).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "Index Scan using outbox_due on outbox o (actual rows=3.00" in plan, plan
    assert "Sort" not in plan, plan


@pytest.fixture
def loop_of_nothing(make_loop: MakeLoop) -> Any:
    return make_loop("erp", {}, {})
