"""What is neither open for sending nor closed: expired leases, later answers, unknown outcomes, rejections.

What the target shows was read right before: what took effect and can be seen is settled by then.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, cast

from syncline.exceptions import About, open_exception
from syncline.outbox.transitions import lock_outbox, prove, transition
from syncline.targets.changes import report_mismatch, settle_exceptions
from syncline.targets.claiming import lines_of
from syncline.targets.contract import FindsReferences, Line
from syncline.targets.durations import back_off_s, real
from syncline.targets.lanes import lane
from syncline.targets.proof import Evidence, judge
from syncline.targets.sending import escalate

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import Adapter
    from syncline.targets.policy import TargetPolicy
    from syncline.targets.proof import Looked, Number

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


class Unknown(NamedTuple):
    """A correction whose outcome is not known, with what its tries left. ``ended_at``: of the last lease."""

    line: Line
    tries: int
    ended_at: datetime
    first_at: datetime
    outcome: str | None
    unproven: int
    documents: list[str]
    shows: int | None
    shown_at: datetime | None


# Not-executed tries, and those that were looked for and are not there, prove themselves harmless.
UNKNOWN = """
select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.shown, o.tries,
       a.ended_at, a.first_at, a.outcome, a.unproven, a.documents, r.quantity, coalesce(k.looked_at, c.read_at)
from ops.outbox o
cross join lateral (
  select max(t.sent_at) + %(lease)s as ended_at, min(t.sent_at) as first_at,
         (array_agg(t.outcome order by t.try_no desc))[1] as outcome,
         count(*) filter (where t.outcome is null or t.outcome not in ('not_executed', 'absent')) as unproven,
         array_agg(t.document_id order by t.try_no) filter (
           where t.document_id is not null and (t.outcome is null or t.outcome not in ('not_executed', 'absent')))
           as documents
  from ops.push_attempts t where t.correction_id = o.correction_id) a
left join lateral (select quantity from ops.target_readings r
  where (r.target, r.item, r.location) = (o.target, o.item, o.location) order by reading_no desc limit 1) r on true
left join ops.target_keys k on (k.target, k.item, k.location) = (o.target, o.item, o.location)
left join ops.target_cursors c on c.target = o.target
where o.target = %(target)s and o.state = 'unknown' order by o.item, o.location limit %(limit)s
"""


def resolve_unknown(conn: psycopg.Connection, adapter: Adapter, policy: TargetPolicy, clock: Clock) -> tuple[int, int]:
    """Judge every unknown outcome (``proof.judge``). Returns (sent again, given up).

    Raises:
        PartnerUnavailable, PartnerContractBroken, ConfigurationError: from a look-up; what was judged before is kept.
    """
    lease = real(clock, policy.lease_s)
    values = {"target": policy.target, "limit": ROWS_MAX, "lease": lease}
    again = given_up = 0
    for row in conn.execute(UNKNOWN, values).fetchall():
        unknown = Unknown(Line(*row[:6]), row[6], row[7], row[8], row[9], row[10], row[11] or [], row[12], row[13])
        with lane(conn, policy.target, unknown.line.item) as free:
            if not free:
                continue
            looked = _look(conn, adapter, policy, unknown, clock)
            with conn.transaction():
                lock_outbox(conn, policy.target)
                sent_again = _follow(conn, policy, clock, unknown, looked)
            again += sent_again is True
            given_up += sent_again is False
    return again, given_up


def _look(conn: psycopg.Connection, adapter: Adapter, policy: TargetPolicy, unknown: Unknown, clock: Clock) -> Looked:
    """Ask the target for the references of all unproven tries; an absence counts only when it is the last word."""
    is_late = policy.life_s is not None and clock.now() >= unknown.ended_at + real(clock, policy.settled_after_s)
    if not policy.can.finds:
        # The list shows ours with their reference; what it showed until now is settled.
        if not (policy.can.lists_changes and is_late) or unknown.shown_at is None:
            return "not_yet"
        return "absent" if unknown.shown_at >= unknown.ended_at + _life(policy, clock) else "not_yet"
    line = unknown.line
    for document_id in unknown.documents:
        lines = lines_of(conn, document_id)
        found = cast("FindsReferences", adapter).find(lines).get(line.reference, ())
        same = [
            (each.item, each.location, each.quantity) == (line.item, line.location, line.quantity) for each in found
        ]
        if len(found) > 1 or not all(same):
            told = "; ".join(f"{e.document}: {e.quantity} of {e.item} at {e.location}" for e in found[:3])
            report_mismatch(conn, policy.target, line.reference, told, clock.now())
        if found:
            return "found" if any(same) else "not_yet"
    return "absent" if is_late else "not_yet"


def _life(policy: TargetPolicy, clock: Clock) -> timedelta:
    assert policy.life_s is not None
    return real(clock, policy.life_s)


def _follow(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, unknown: Unknown, looked: Looked
) -> bool | None:
    """Do what the verdict says. True: sent again; False: given up; None: neither."""
    at = clock.now()
    line = unknown.line
    evidence = Evidence(
        quiet_s=clock.real_s(at - unknown.ended_at),
        first_try_s=clock.real_s(at - unknown.first_at),
        unproven=unknown.unproven,
        compare_failed=unknown.outcome == "stale",
        looked=looked,
        number=_number(policy, clock, unknown),
    )
    verdict = judge(evidence, policy)
    if verdict == "applied":
        if prove(conn, line.reference, at=at):
            settle_exceptions(conn, policy.target, line.item, line.location, line.reference, at)
        return None
    if verdict == "resend":
        if looked == "absent":
            _note_absence(conn, line.reference)
        wait = real(clock, back_off_s(policy, line.reference, unknown.tries))
        return (
            transition(conn, line.reference, "unknown", "pending", at=at, not_before=at + wait, reason="resend") or None
        )
    if verdict == "unproven":
        moved = transition(conn, line.reference, "unknown", "dead", at=at, reason="unproven")
        escalate_recomputes(conn, policy.target, line.item, line.location, at)
        return False if moved else None
    if verdict == "escalate":
        reason = "tries used up" if unknown.unproven >= policy.tries_max else "no proof to be had"
        moved = transition(conn, line.reference, "unknown", "held", at=at, reason=reason)
        escalate(conn, policy.target, (line.reference, line.item, line.location), unknown.tries, at)
        return False if moved else None
    return None


def _number(policy: TargetPolicy, clock: Clock, unknown: Unknown) -> Number:
    """What a reading after the last word says. Only where nobody else writes the number is that a proof."""
    if policy.life_s is None or unknown.shows is None or unknown.shown_at is None:
        return "not_yet"
    # ``shown_at`` has the target's lag taken off already.
    if unknown.shown_at < unknown.ended_at + _life(policy, clock):
        return "not_yet"
    line = unknown.line
    wanted = line.quantity if policy.can.writes == "set" else (line.shown or 0) + line.quantity
    return "wanted" if unknown.shows == wanted else "another"


def _note_absence(conn: psycopg.Connection, correction_id: str) -> None:
    """Its tries were looked for when nothing could land any more: they did nothing, whatever follows."""
    conn.execute(
        "update ops.push_attempts set outcome = 'absent' where correction_id = %s "
        "and (outcome is null or outcome not in ('not_executed', 'absent'))",
        (correction_id,),
    )


def close_rejected(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> int:
    """``rejected`` becomes ``dead``: a failed compare is computed anew, a refusal is a dead letter for a person."""
    with conn.transaction():
        lock_outbox(conn, policy.target)
        at = clock.now()  # under the lock: a reading that was stored before it did not see this close
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
                    about=About(target=policy.target, item=item, location=location),
                    evidence=[f"correction:{correction_id}"],
                )  # fmt: skip
            escalate_recomputes(conn, policy.target, item, location, at)
    return len(rows)


def escalate_recomputes(conn: psycopg.Connection, target: str, item: str, location: str, at: datetime) -> None:
    """Tell a person when the last corrections of a key all ended without proof of effect."""
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
            about=About(target=target, item=item, location=location),
        )  # fmt: skip
