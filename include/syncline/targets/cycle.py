"""One push run: read, recover, send until nothing is due, read again.

Killed at any point, the next run goes on: a try is committed before its first byte, and what it did is proven by the
change list or asked again under the same id.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from syncline.errors import PartnerUnavailable
from syncline.targets.changes import read_changes
from syncline.targets.claiming import hold_uncompared
from syncline.targets.clock_back import return_to
from syncline.targets.lanes import EVERY_LANE
from syncline.targets.later import poll_accepted
from syncline.targets.numbers import read_numbers
from syncline.targets.recovery import close_rejected, expire_leases, resolve_unknown
from syncline.targets.sending import Sent, send_next
from syncline.targets.traits import write_traits

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import Adapter, ListsChanges, ShowsNumbers
    from syncline.targets.lanes import Share
    from syncline.targets.policy import TargetPolicy

SHORTEST_WAIT_S = 0.2


@dataclass
class Summary:
    """Counts of one run: lines sent, what became of them, changes read, keys queued for a new number."""

    sent: int = 0
    applied: int = 0
    rejected: int = 0
    unknown: int = 0
    retried: int = 0
    read: int = 0
    requeued: int = 0

    def add_sent(self, sent: Sent) -> None:
        self.sent += sent.lines
        self.applied += sent.applied
        self.rejected += sent.rejected
        self.unknown += sent.unknown
        self.retried += sent.retried


class Sends(Protocol):
    """Sends all that is due with ``send``, until there is nothing, or until ``tell`` says to stop."""

    def __call__(self, tell: Callable[[Sent], bool]) -> None:
        """Raises what a worker of it raises, after what the others had under way is written down."""


def run_push(
    conn: psycopg.Connection,
    adapter: Adapter,
    policy: TargetPolicy,
    clock: Clock,
    worker: str,
    sleep: Callable[[float], None] = time.sleep,
    sends: Sends | None = None,
) -> dict[str, int]:
    """Push one target once.

    Args:
        conn: role publisher, autocommit, not shared.
        worker: who holds the leases, for people who read ``ops.outbox``.
        sleep: real seconds; short back-offs and the lease of a dead worker are waited for inside the run.
        sends: how due documents are sent; alone, one after the other, if not given (see ``workers``).

    Raises:
        PartnerUnavailable: the target is down. Everything known is stored; the next run goes on.
        PartnerContractBroken, ConfigurationError: see ``read_changes``.
    """
    run = _Run(conn, adapter, policy, clock, sleep)
    run.push(sends or one_by_one(conn, adapter, policy, clock, worker))
    return asdict(run.summary)


def one_by_one(
    conn: psycopg.Connection, adapter: Adapter, policy: TargetPolicy, clock: Clock, worker: str,
    share: Share = EVERY_LANE,
) -> Sends:  # fmt: skip
    """Documents in turn, on one connection."""

    def send(tell: Callable[[Sent], bool]) -> None:
        while (sent := send_next(conn, adapter, policy, clock, worker, share)) is not None:
            if tell(sent):
                return

    return send


class _Run:
    """What the steps of one run share."""

    def __init__(
        self, conn: psycopg.Connection, adapter: Adapter, policy: TargetPolicy, clock: Clock,
        sleep: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._conn, self._adapter, self._policy, self._clock, self._sleep = conn, adapter, policy, clock, sleep
        self.summary = Summary()
        self._trouble = 0

    def push(self, sends: Sends) -> None:
        conn, policy, clock = self._conn, self._policy, self._clock
        waited_s = 0.0
        started_s = time.monotonic()
        write_traits(conn, policy, clock.now())
        return_to(conn, policy, clock)
        self._read()
        while True:
            self.summary.add_sent(poll_accepted(conn, self._adapter, policy, clock))
            expire_leases(conn, policy, clock)
            if self._has("unknown", "rejected"):
                # The list may prove what the answers did not; only what it does not show is sent again.
                self._read()
            hold_uncompared(conn, policy, clock)
            sends(self._tell)
            if self._is_down:
                self._give_up()
            wait_s = self._next_due_s()
            left_s = policy.run_s - max(waited_s, time.monotonic() - started_s)
            if wait_s is None or wait_s > left_s:
                break
            self._sleep(max(wait_s, SHORTEST_WAIT_S))
            waited_s += max(wait_s, SHORTEST_WAIT_S)
        self._read()

    @property
    def _is_down(self) -> bool:
        return self._trouble >= self._policy.trouble_max

    def _tell(self, sent: Sent) -> bool:
        """Count a document; True when no other should follow now."""
        self.summary.add_sent(sent)
        self._trouble = self._trouble + 1 if sent.silent else 0
        return sent.slow_down or self._is_down

    def _read(self) -> None:
        """Close rejections, read what the target shows (which judges what closed), then judge what is unknown."""
        close_rejected(self._conn, self._policy, self._clock)
        if self._look():
            _, given_up = resolve_unknown(self._conn, self._adapter, self._policy, self._clock)
            if given_up:
                self._look()

    def _look(self) -> bool:
        """Read the list, or the keys that are asked for; True when it was read to its end."""
        summary = self.summary
        if self._policy.can.lists_changes:
            client = cast("ListsChanges", self._adapter)
            changes = read_changes(self._conn, client, self._policy, self._clock, self._sleep)
            summary.applied += changes.applied
            summary.read += changes.changes
            summary.requeued += changes.requeued
            return changes.complete
        numbers = read_numbers(self._conn, cast("ShowsNumbers", self._adapter), self._policy, self._clock)
        summary.read += numbers.readings
        summary.requeued += numbers.requeued
        return True

    def _give_up(self) -> NoReturn:
        """Several documents in a row without an answer: is the target down, or only its posting?"""
        self._read()
        raise PartnerUnavailable(
            f"Target {self._policy.target} left {self._policy.trouble_max} documents in a row without an answer, "
            "though it shows its change list.",
            next_step="Nothing to do: the lines are stored as unknown and sent again, under the same ids, by the next "
            "run.",
            target=self._policy.target,
            **asdict(self.summary),
        )

    def _has(self, *states: str) -> bool:
        row = self._conn.execute(
            "select exists (select from ops.outbox where target = %s and state = any(%s))",
            (self._policy.target, list(states)),
        ).fetchone()
        return bool(row and row[0])

    def _next_due_s(self) -> float | None:
        """Real seconds until something can go on: a back-off over, a lease at its end. None: nothing waits."""
        row = self._conn.execute(
            """
            select least(
              (select min(lease_until) from ops.outbox where target = %(target)s and state = 'sent'),
              (select min(coalesce(not_before, changed_at)) from ops.outbox
               where target = %(target)s and state = 'pending' and tries > 0))
            """,
            {"target": self._policy.target},
        ).fetchone()
        due: datetime | None = row[0] if row else None
        if self._has("unknown"):
            return self._policy.back_off_s
        return None if due is None else max(0.0, self._clock.real_s(due - self._clock.now()))
