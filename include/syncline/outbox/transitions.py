"""The only way a correction changes its state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.errors import TerminalError
from syncline.outbox.states import OPEN, State, move

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

log = logging.getLogger(__name__)


def lock_outbox(conn: psycopg.Connection, target: str) -> None:
    """Take the key lock of semantics §9 for a whole target until the transaction ends.

    Every transaction that computes, claims or settles holds it. They are short (no partner is called inside), so
    one lock a target costs little, and no two of them can deadlock over rows taken in different orders.

    Waits also in a pipeline: an instant that is taken after this call is taken under the lock. Leases begin with such
    an instant, and a reading counts what had closed by one.
    """
    conn.execute("select pg_advisory_xact_lock(hashtext('syncline outbox'), hashtext(%s))", (target,)).fetchone()


def lock_targets(conn: psycopg.Connection) -> None:
    """The lock of every target that was ever read, in the order in which a release takes them."""
    for (target,) in conn.execute("select target from ops.target_cursors order by 1").fetchall():
        lock_outbox(conn, target)


class Step(NamedTuple):
    """One correction to move. ``try_no``: the try whose holder calls; ``not_before``: earliest next try."""

    correction_id: str
    try_no: int | None = None
    not_before: datetime | None = None
    reason: str | None = None


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
    step = Step(correction_id, try_no, not_before, reason)
    return bool(transition_all(conn, [step], from_, to, at=at, lease_until=lease_until, lease_holder=lease_holder))


# The state is compared as an expression: else, right after a release, the planner expects next to nothing to be pending
# and reads all that is, by an index of it, instead of looking up the few ids (ADR 0012).
MOVE = """
update ops.outbox o set state = %(to)s, reason = m.reason, changed_at = %(at)s,
       closed_at = case when %(closed)s then %(at)s end, not_before = m.not_before,
       lease_until = %(lease_until)s, lease_holder = %(lease_holder)s,
       tries = o.tries + case when %(begins)s then 1 else 0 end
from unnest(%(ids)s::text[], %(try_nos)s::int[], %(not_before)s::timestamptz[], %(reasons)s::text[])
  as m (correction_id, try_no, not_before, reason)
where o.correction_id = m.correction_id and o.state || '' = %(from)s
  and (%(tried)s = 'any' or (%(tried)s = 'never') = (o.tries = 0))
  and (%(proof)s or o.state <> 'sent' or o.tries = m.try_no
       or (m.try_no is null and o.lease_until <= %(at)s))
returning o.correction_id
"""


def transition_all(
    conn: psycopg.Connection,
    steps: Sequence[Step],
    from_: State,
    to: State,
    *,
    at: datetime,
    lease_until: datetime | None = None,
    lease_holder: str | None = None,
) -> set[str]:
    """Move many corrections in one statement: the ids that moved. Each that did not leaves a log line.

    Arguments and errors are those of ``transition``.
    """
    rule = move(from_, to)
    if rule is None:
        named = ", ".join(step.correction_id for step in steps[:3])
        raise TerminalError(
            f"Correction {named}: {from_} to {to} is not a move.",
            next_step="Use one of the moves in outbox/states.py.",
            correction_id=named,
        )
    if not steps:
        return set()
    values: dict[str, Any] = {
        "ids": [step.correction_id for step in steps], "try_nos": [step.try_no for step in steps],
        "not_before": [step.not_before for step in steps], "reasons": [step.reason for step in steps],
        "from": from_, "to": to, "at": at, "lease_until": lease_until, "lease_holder": lease_holder,
        "closed": to not in OPEN, "tried": rule.tried, "begins": to == "sent", "proof": to == "applied",
    }  # fmt: skip
    moved = {correction_id for (correction_id,) in conn.execute(MOVE, values).fetchall()}
    for step in steps:
        if step.correction_id not in moved:
            log.warning("correction %s: %s to %s refused, it is not (or no longer) so", step.correction_id, from_, to)
    return moved


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
    return bool(prove_all(conn, [correction_id], at=at))


def prove_all(conn: psycopg.Connection, correction_ids: Sequence[str], *, at: datetime) -> set[str]:
    """Proof of effect of many in one statement: the ids that were not applied yet. Every state may go there (§9)."""
    if not correction_ids:
        return set()
    rows = conn.execute(
        "update ops.outbox set state = 'applied', reason = null, changed_at = %(at)s, closed_at = %(at)s, "
        "not_before = null, lease_until = null, lease_holder = null "
        "where correction_id = any(%(ids)s) and state <> 'applied' returning correction_id",
        {"at": at, "ids": list(correction_ids)},
    ).fetchall()
    return {correction_id for (correction_id,) in rows}
