"""The only way a correction changes its state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from syncline.errors import TerminalError
from syncline.outbox.states import OPEN, State, move

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

log = logging.getLogger(__name__)


def lock_outbox(conn: psycopg.Connection, target: str) -> None:
    """Take the key lock of semantics §9 for a whole target until the transaction ends.

    Every transaction that computes, claims or settles holds it. They are short (no partner is called inside), so
    one lock a target costs little, and no two of them can deadlock over rows taken in different orders.
    """
    conn.execute("select pg_advisory_xact_lock(hashtext('syncline outbox'), hashtext(%s))", (target,))


def lock_targets(conn: psycopg.Connection) -> None:
    """The lock of every target that was ever read, in the order in which a release takes them."""
    for (target,) in conn.execute("select target from ops.target_cursors order by 1").fetchall():
        lock_outbox(conn, target)


def transition(
    conn: psycopg.Connection,
    correction_id: str,
    from_: State,
    to: State,
    *,
    at: datetime,
    reason: str | None = None,
    try_no: int | None = None,
    not_before: datetime | None = None,
    lease_until: datetime | None = None,
    lease_holder: str | None = None,
) -> bool:
    """Move one correction; False (and a log line) when the row is not as the caller believes it to be.

    Args:
        at: instant of the change, also ``closed_at`` when the new state is not open.
        try_no: the try whose holder calls; leaving ``sent`` without it needs an expired lease.
        not_before: earliest next try, only for ``pending``.
        lease_until: end of the lease, only for ``sent``, which counts one more try.

    Raises:
        TerminalError: ``from_`` to ``to`` is not a move of semantics §9.
    """
    rule = move(from_, to)
    if rule is None:
        raise TerminalError(
            f"Correction {correction_id}: {from_} to {to} is not a move.",
            next_step="Use one of the moves in outbox/states.py.",
            correction_id=correction_id,
        )
    values: dict[str, Any] = {
        "id": correction_id, "from": from_, "to": to, "at": at, "reason": reason, "try_no": try_no,
        "not_before": not_before, "lease_until": lease_until, "lease_holder": lease_holder, "closed": to not in OPEN,
        "tried": rule.tried, "begins": to == "sent", "proof": to == "applied",
    }  # fmt: skip
    moved = conn.execute(
        """
        update ops.outbox set state = %(to)s, reason = %(reason)s, changed_at = %(at)s,
               closed_at = case when %(closed)s then %(at)s end, not_before = %(not_before)s,
               lease_until = %(lease_until)s, lease_holder = %(lease_holder)s,
               tries = tries + case when %(begins)s then 1 else 0 end
        where correction_id = %(id)s and state = %(from)s
          and (%(tried)s = 'any' or (%(tried)s = 'never') = (tries = 0))
          and (%(proof)s or state <> 'sent' or tries = %(try_no)s::int
               or (%(try_no)s::int is null and lease_until <= %(at)s))
        """,
        values,
    ).rowcount
    if not moved:
        log.warning("correction %s: %s to %s refused, it is not (or no longer) so", correction_id, from_, to)
    return bool(moved)


def hold_for(conn: psycopg.Connection, correction_id: str, reason: str, *, at: datetime) -> bool:
    """Give a held, untried correction another reason; False when it is not held any more."""
    return bool(
        conn.execute(
            "update ops.outbox set reason = %s, changed_at = %s "
            "where correction_id = %s and state = 'held' and tries = 0",
            (reason, at, correction_id),
        ).rowcount
    )


def prove(conn: psycopg.Connection, correction_id: str, *, at: datetime) -> bool:
    """Proof of effect: from whatever state to ``applied``; False when it was applied already or is unknown."""
    row = conn.execute("select state from ops.outbox where correction_id = %s", (correction_id,)).fetchone()
    if row is None or row[0] == "applied":
        return False
    return transition(conn, correction_id, row[0], "applied", at=at)
