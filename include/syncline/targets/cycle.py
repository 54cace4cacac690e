"""One push run: read, recover, send until nothing is due, read again.

Killed at any point, the next run goes on: a try is committed before its first byte, and what it did is proven by the
change list or asked again under the same id.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

from syncline.errors import PartnerUnavailable
from syncline.targets.changes import read_changes
from syncline.targets.clock_back import return_to
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


def run_push(
    conn: psycopg.Connection,
    adapter: Adapter,
    policy: TargetPolicy,
    clock: Clock,
    worker: str,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """Push one target once.

    Args:
        conn: role publisher, autocommit, not shared.
        worker: who holds the leases, for people who read ``ops.outbox``.
        sleep: real seconds; short back-offs and the lease of a dead worker are waited for inside the run.

    Raises:
        PartnerUnavailable: the target is down. Everything known is stored; the next run goes on.
        PartnerContractBroken, ConfigurationError: see ``read_changes``.
    """
    summary = Summary()
    waited_s = 0.0
    trouble = 0
    started_s = time.monotonic()
    write_traits(conn, policy, clock.now())
    return_to(conn, policy, clock)
    _read(conn, adapter, policy, clock, summary, sleep)
    while True:
        summary.add_sent(poll_accepted(conn, adapter, policy, clock))
        expire_leases(conn, policy, clock)
        if _has(conn, policy, "unknown", "rejected"):
            # The list may prove what the answers did not; only what it does not show is sent again.
            _read(conn, adapter, policy, clock, summary, sleep)
        while (sent := send_next(conn, adapter, policy, clock, worker)) is not None:
            summary.add_sent(sent)
            trouble = trouble + 1 if sent.silent else 0
            if sent.slow_down or trouble >= policy.trouble_max:
                break
        if trouble >= policy.trouble_max:
            _give_up(conn, adapter, policy, clock, summary, sleep)
            break
        wait_s = _next_due_s(conn, policy, clock)
        left_s = policy.run_s - max(waited_s, time.monotonic() - started_s)
        if wait_s is None or wait_s > left_s:
            break
        sleep(max(wait_s, SHORTEST_WAIT_S))
        waited_s += max(wait_s, SHORTEST_WAIT_S)
    _read(conn, adapter, policy, clock, summary, sleep)
    return asdict(summary)


def _read(
    conn: psycopg.Connection,
    adapter: Adapter,
    policy: TargetPolicy,
    clock: Clock,
    summary: Summary,
    sleep: Callable[[float], None],
) -> None:
    """Close rejections, read what the target shows (which judges what closed), then judge what is unknown."""
    close_rejected(conn, policy, clock.now())
    if _look(conn, adapter, policy, clock, summary, sleep):
        _, given_up = resolve_unknown(conn, adapter, policy, clock)
        if given_up:
            _look(conn, adapter, policy, clock, summary, sleep)


def _look(
    conn: psycopg.Connection,
    adapter: Adapter,
    policy: TargetPolicy,
    clock: Clock,
    summary: Summary,
    sleep: Callable[[float], None],
) -> bool:
    """Read the list, or the keys that are asked for; True when it was read to its end."""
    if policy.can.lists_changes:
        changes = read_changes(conn, cast("ListsChanges", adapter), policy, clock, sleep)
        summary.applied += changes.applied
        summary.read += changes.changes
        summary.requeued += changes.requeued
        return changes.complete
    numbers = read_numbers(conn, cast("ShowsNumbers", adapter), policy, clock)
    summary.read += numbers.readings
    summary.requeued += numbers.requeued
    return True


def _give_up(
    conn: psycopg.Connection,
    adapter: Adapter,
    policy: TargetPolicy,
    clock: Clock,
    summary: Summary,
    sleep: Callable[[float], None],
) -> None:
    """Several documents in a row without an answer: is the target down, or only its posting?"""
    _read(conn, adapter, policy, clock, summary, sleep)
    raise PartnerUnavailable(
        f"Target {policy.target} left {policy.trouble_max} documents in a row without an answer, though it shows "
        "its change list.",
        next_step="Nothing to do: the lines are stored as unknown and sent again, under the same ids, by the next run.",
        target=policy.target,
        **asdict(summary),
    )


def _has(conn: psycopg.Connection, policy: TargetPolicy, *states: str) -> bool:
    row = conn.execute(
        "select exists (select from ops.outbox where target = %s and state = any(%s))", (policy.target, list(states))
    ).fetchone()
    return bool(row and row[0])


def _next_due_s(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> float | None:
    """Real seconds until something can go on: a back-off over, a lease at its end. None: nothing waits."""
    row = conn.execute(
        """
        select min(case when state = 'sent' then lease_until else coalesce(not_before, changed_at) end)
        from ops.outbox
        where target = %s and (state = 'sent' or (state = 'pending' and tries > 0))
        """,
        (policy.target,),
    ).fetchone()
    due: datetime | None = row[0] if row else None
    if _has(conn, policy, "unknown"):
        return policy.back_off_s
    return None if due is None else max(0.0, clock.real_s(due - clock.now()))
