"""One run for one subscriber: plan what is new, then send what is due until nothing is, or it takes nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from syncline.notices.claiming import claim, pause, settle
from syncline.notices.planning import plan
from syncline.targets.durations import real

if TYPE_CHECKING:
    import psycopg

    from syncline.clock import Clock
    from syncline.notices.channel import Channel, SubscriberPolicy

log = logging.getLogger(__name__)


def run_deliveries(
    conn: psycopg.Connection, policy: SubscriberPolicy, channel: Channel, clock: Clock, worker: str
) -> dict[str, int]:
    """Deliver what is due; events planned, and bundles by what became of them.

    Killed at any moment, the next run repeats what was under way with the same id, after its lease.
    """
    counts = {"planned": plan(conn, policy, clock.now()), "delivered": 0, "refused": 0, "failed": 0, "gone": 0}
    end = clock.now() + real(clock, policy.run_s)
    failed_in_a_row = 0
    again = False
    while clock.now() < end:
        # Turn by turn: what is new does not wait for what fails, and what failed does not wait for a quiet hour.
        bundle = claim(conn, policy, clock, worker, again=again) or claim(conn, policy, clock, worker, again=not again)
        again = not again
        if bundle is None:
            break
        outcome = channel.deliver(bundle)
        settle(conn, policy, clock, worker, bundle, outcome)
        counts[outcome.verdict] += 1
        failed_in_a_row = failed_in_a_row + 1 if outcome.verdict == "failed" else 0
        if outcome.verdict != "delivered":
            log.warning("%s: event %s, try %s: %s", policy.name, bundle.events[0].position, bundle.try_no, outcome.told)
        if outcome.verdict == "gone":
            break
        if outcome.retry_after_s is not None or failed_in_a_row >= policy.failures_max:
            pause(conn, policy, clock, outcome)
            break
    return counts
