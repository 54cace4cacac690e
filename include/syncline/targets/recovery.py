"""What is neither open for sending nor closed: expired leases, unknown outcomes, rejections.

Every step here runs right after the change list was read to its end: what took effect is settled by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.outbox.exceptions import open_exception
from syncline.outbox.transitions import lock_outbox, transition
from syncline.targets.lanes import lane
from syncline.targets.sending import back_off_s, escalate, real

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.policy import TargetPolicy

ROWS_MAX = 1000
RECOMPUTES_MAX = 3


def expire_leases(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> int:
    """``sent`` past its lease becomes ``unknown``: its holder is gone, or its answer will be judged by proof alone."""
    at = clock.now()
    rows = conn.execute(
        "select correction_id, item from ops.outbox where target = %s and state = 'sent' and lease_until <= %s "
        "order by item, location limit %s",
        (policy.target, at, ROWS_MAX),
    ).fetchall()
    expired = 0
    for correction_id, item in rows:
        with lane(conn, policy.target, item) as free, conn.transaction():
            if free:
                lock_outbox(conn, policy.target)
                expired += transition(conn, correction_id, "sent", "unknown", at=at, reason="lease expired")
    return expired


def resolve_unknown(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> tuple[int, int]:
    """Same id again while tries are left (the target answers a repeated reference). Returns (again, given up).

    A failed compare on a resend can never come true later: the version only moves on. So that ends ``dead: unproven``.
    """
    at = clock.now()
    rows = conn.execute(
        "select o.correction_id, o.item, o.location, o.tries, (select a.outcome from ops.push_attempts a "
        "where a.correction_id = o.correction_id order by a.try_no desc limit 1) as outcome, "
        # Not-executed tries prove themselves harmless: only those without proof use up the allowance.
        "(select count(*) from ops.push_attempts a where a.correction_id = o.correction_id "
        " and (a.outcome is null or a.outcome <> 'not_executed')) as unproven "
        "from ops.outbox o where o.target = %s and o.state = 'unknown' order by o.item, o.location limit %s",
        (policy.target, ROWS_MAX),
    ).fetchall()
    again = given_up = 0
    for correction_id, item, location, tries, outcome, unproven in rows:
        with lane(conn, policy.target, item) as free, conn.transaction():
            if not free:
                continue
            lock_outbox(conn, policy.target)
            if outcome == "stale":
                given_up += transition(conn, correction_id, "unknown", "dead", at=at, reason="unproven")
                _escalate_recomputes(conn, policy.target, item, location, at)
            elif unproven >= policy.tries_max:
                given_up += transition(conn, correction_id, "unknown", "held", at=at, reason="tries used up")
                escalate(conn, policy.target, (correction_id, item, location), tries, at)
            else:
                not_before = at + real(clock, back_off_s(policy, correction_id, tries))
                again += transition(
                    conn, correction_id, "unknown", "pending", at=at, not_before=not_before, reason="resend"
                )
    return again, given_up


def close_rejected(conn: psycopg.Connection, policy: TargetPolicy, at: datetime) -> int:
    """``rejected`` becomes ``dead``: a failed compare is computed anew, a refusal is a dead letter for a person."""
    with conn.transaction():
        lock_outbox(conn, policy.target)
        rows = conn.execute(
            "select correction_id, item, location, reason from ops.outbox where target = %s and state = 'rejected' "
            "order by item, location limit %s",
            (policy.target, ROWS_MAX),
        ).fetchall()
        for correction_id, item, location, reason in rows:
            transition(conn, correction_id, "rejected", "dead", at=at, reason=reason)
            if reason != "stale":
                open_exception(
                    conn, "push.refused", f"{policy.target} {item} {location}",
                    detail=f"{policy.target} refuses {item} at {location}: {reason}. Correction {correction_id} "
                    "is a dead letter.",
                    next_step="Make the item known there or map it; the next change of the key is sent again.", at=at,
                )  # fmt: skip
            _escalate_recomputes(conn, policy.target, item, location, at)
    return len(rows)


def _escalate_recomputes(conn: psycopg.Connection, target: str, item: str, location: str, at: datetime) -> None:
    rows = conn.execute(
        "select state from ops.outbox where (target, item, location) = (%s, %s, %s) and tries > 0 "
        "order by created_at desc, reading_no desc limit %s",
        (target, item, location, RECOMPUTES_MAX),
    ).fetchall()
    if len(rows) == RECOMPUTES_MAX and all(state == "dead" for (state,) in rows):
        open_exception(
            conn, "push.recompute", f"{target} {item} {location}",
            detail=f"{target}: the last {RECOMPUTES_MAX} corrections of {item} at {location} ended without proof "
            "of effect.",
            next_step="See who else writes this number: ops.target_changes of the key, newest first.", at=at,
        )  # fmt: skip
