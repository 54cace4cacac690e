"""What a clock that was ahead has left behind: instants that would hold a key until time catches up with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.outbox.transitions import lock_outbox
from syncline.targets.changes import NEVER
from syncline.targets.durations import real
from syncline.targets.http import RETRY_AFTER_MAX_S

if TYPE_CHECKING:
    import psycopg

    from syncline.clock import Clock
    from syncline.targets.policy import TargetPolicy

# Apart, so that each finds its few rows by an index: only ``sent`` has a lease, only a tried one a back-off.
BACK = (
    "update ops.outbox set lease_until = %(lease)s "
    "where target = %(target)s and state = 'sent' and lease_until > %(lease)s",
    "update ops.outbox set not_before = %(due)s "
    "where target = %(target)s and state = 'pending' and tries > 0 and not_before > %(due)s",
    "update ops.outbox set closed_at = %(at)s where target = %(target)s and closed_at > %(lease)s",
)


def return_to(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> int:
    """Bring instants of ``policy.target`` that the clock cannot have reached back to now; how many rows moved.

    our clock    | stored                         | without this                        | now
    -------------|--------------------------------|-------------------------------------|----------------------------
    a day ahead  | lease, back-off, close, read   |                                     |
    right again  | lease ends tomorrow            | ``sent`` for a day                  | the lease begins anew
                 | due again tomorrow             | ``pending`` for a day               | the longest wait begins
                 | closed tomorrow                | no new correction of the key till then | closed by now
                 | list read tomorrow             | a correction closed now counts as seen | the list must be read

    Nothing is taken back: who holds a lease holds its lane too, and ids and tries stay.
    """
    at = clock.now()
    lease_until = at + real(clock, policy.lease_s)
    not_before = at + real(clock, RETRY_AFTER_MAX_S + policy.back_off_max_s)
    with conn.transaction():
        lock_outbox(conn, policy.target)
        values = {"target": policy.target, "at": at, "lease": lease_until, "due": not_before}
        moved = sum(conn.execute(statement, values).rowcount for statement in BACK)
        moved += conn.execute(
            "update ops.target_cursors set read_at = %s where target = %s and read_at > %s", (NEVER, policy.target, at)
        ).rowcount
    return moved
