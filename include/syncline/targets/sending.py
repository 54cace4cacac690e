"""One document: claim its lines, send it once, write down what the answer proves."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from syncline.outbox.exceptions import open_exception
from syncline.outbox.transitions import lock_outbox, prove, transition
from syncline.targets.changes import settle_exceptions
from syncline.targets.contract import Document, Line
from syncline.targets.lanes import lane

if TYPE_CHECKING:
    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import DocumentAnswer, LineAnswer, ListsChanges
    from syncline.targets.policy import TargetPolicy

CANDIDATES_MAX = 500
SLOW_DOWN = 429


@dataclass(frozen=True)
class Claimed:
    """A line with the number of this try; the try is committed as ``sent``."""

    line: Line
    try_no: int


@dataclass
class Sent:
    """What became of one document. ``silent``: the target gave no answer that counts."""

    lines: int = 0
    applied: int = 0
    rejected: int = 0
    unknown: int = 0
    retried: int = 0
    silent: bool = False
    slow_down: bool = False


# An untried correction whose key was read again since is out of date: the next release replaces it.
# A line that was not executed in company goes into smaller documents: half as long after each lock, since a lock
# may be anybody's; alone after a refusal, since only so it is known whose fault it was.
DUE = """
select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.tries,
       (select case when a.outcome <> 'not_executed' or a.status_code = 429 then 0
                    when a.status_code = 423 then o.tries else 30 end
        from ops.push_attempts a where a.correction_id = o.correction_id order by a.try_no desc limit 1) as halvings
from ops.outbox o
where o.target = %s and o.state = 'pending' and (o.not_before is null or o.not_before <= %s)
  and (o.tries > 0 or o.reading_no = (select max(r.reading_no) from ops.target_readings r
                                      where (r.target, r.item, r.location) = (o.target, o.item, o.location)))
order by o.item, o.location
limit %s
"""


def send_next(
    conn: psycopg.Connection, client: ListsChanges, policy: TargetPolicy, clock: Clock, worker: str
) -> Sent | None:
    """Send the next document that is due and whose lanes are free; None when there is none."""
    with ExitStack() as lanes:
        claimed = _claim(conn, policy, clock, worker, lanes)
        if not claimed:
            return None
        answer = client.send(Document(tuple(each.line for each in claimed)), policy.call_s)
        return _record(conn, policy, clock, claimed, answer)


def _claim(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, worker: str, lanes: ExitStack
) -> list[Claimed]:
    """Lock lanes, then commit lease, try number and attempt: all of it before the first byte goes out."""
    due = conn.execute(DUE, (policy.target, clock.now(), CANDIDATES_MAX)).fetchall()
    chosen: list[tuple[Line, int]] = []
    free: dict[str, bool] = {}
    room = policy.lines_max
    for correction_id, item, location, quantity, version, tries, halvings in due:
        fits = max(1, policy.lines_max >> (halvings or 0))
        if len(chosen) >= fits:
            continue
        if item not in free:
            free[item] = lanes.enter_context(lane(conn, policy.target, item))
        if free[item]:
            chosen.append((Line(correction_id, item, location, quantity, version), tries + 1))
            room = min(room, fits)
            if len(chosen) >= room:
                break
    if not chosen:
        return []
    with conn.transaction():
        lock_outbox(conn, policy.target)
        at = clock.now()
        lease_until = at + real(clock, policy.lease_s)
        claimed = [
            Claimed(line, try_no)
            for line, try_no in chosen
            if transition(conn, line.reference, "pending", "sent", at=at, lease_until=lease_until, lease_holder=worker)
        ]
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ops.push_attempts (correction_id, try_no, sent_at, deadline_at) values (%s, %s, %s, %s)",
                [(each.line.reference, each.try_no, at, at + real(clock, policy.call_s)) for each in claimed],
            )
    return claimed


def _record(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, claimed: list[Claimed], answer: DocumentAnswer
) -> Sent:
    done = Sent(lines=len(claimed), silent=answer.silent, slow_down=answer.status_code == SLOW_DOWN)
    with conn.transaction():
        lock_outbox(conn, policy.target)
        at = clock.now()
        for each in claimed:
            told = answer.lines[each.line.reference]
            _record_attempt(conn, each, told, answer.status_code, at)
            _settle_line(conn, policy, clock, each, told, answer, at, done)
    return done


def _record_attempt(
    conn: psycopg.Connection, each: Claimed, told: LineAnswer, status_code: int | None, at: datetime
) -> None:
    conn.execute(
        "update ops.push_attempts set answered_at = %s, outcome = %s, status_code = %s, answer = %s "
        "where correction_id = %s and try_no = %s",
        (at, told.outcome, status_code, Jsonb({"code": told.code, **told.detail}), each.line.reference, each.try_no),
    )


def _settle_line(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, each: Claimed, told: LineAnswer,
    answer: DocumentAnswer, at: datetime, done: Sent,
) -> None:  # fmt: skip
    line = each.line
    if told.outcome in ("applied", "replayed"):
        if prove(conn, line.reference, at=at):
            settle_exceptions(conn, policy.target, line.item, line.location, line.reference, at)
        done.applied += 1
    elif told.outcome == "not_executed":
        wait_s = back_off_s(policy, line.reference, each.try_no)
        not_before = at + real(clock, max(wait_s, answer.retry_after_s or 0.0))
        # An earlier try may still be without proof: the resend carries the same id, so that is no danger.
        done.retried += transition(
            conn, line.reference, "sent", "pending", at=at, try_no=each.try_no, not_before=not_before,
            reason=f"not executed: {told.code or answer.status_code}",
        )  # fmt: skip
    elif told.outcome in ("stale", "refused") and not _has_unproven_try(conn, each):
        reason = "stale" if told.outcome == "stale" else f"refused: {told.code or answer.status_code}"
        done.rejected += transition(conn, line.reference, "sent", "rejected", at=at, try_no=each.try_no, reason=reason)
    else:
        done.unknown += transition(
            conn, line.reference, "sent", "unknown", at=at, try_no=each.try_no, reason=told.code or told.outcome
        )


def _has_unproven_try(conn: psycopg.Connection, each: Claimed) -> bool:
    row = conn.execute(
        "select exists (select from ops.push_attempts where correction_id = %s and try_no < %s "
        "and (outcome is null or outcome = 'unknown'))",
        (each.line.reference, each.try_no),
    ).fetchone()
    return bool(row and row[0])


def real(clock: Clock, seconds: float) -> timedelta:
    """Duration in the product's clock of real seconds: leases and due times live in it, sockets do not."""
    return timedelta(seconds=seconds * clock.rate)


def back_off_s(policy: TargetPolicy, correction_id: str, try_no: int) -> float:
    """Real seconds before the next try: doubling, with a jitter that depends on the correction and the try alone."""
    digest = hashlib.sha256(f"{correction_id}/{try_no}".encode()).digest()
    jitter = 0.5 + int.from_bytes(digest[:4], "big") / 2**33  # 0.5 ... 1.0
    return min(policy.back_off_s * 2.0 ** min(try_no - 1, 10), policy.back_off_max_s) * jitter


def escalate(conn: psycopg.Connection, target: str, line: tuple[str, str, str], tries: int, at: datetime) -> None:
    """Tell a person that a correction used up its tries without proof. ``line``: correction id, item, location."""
    open_exception(
        conn, "push.tries", line[0],
        detail=f"{target}: {line[1]} at {line[2]} was sent {tries} times, "
        "and neither an answer nor the change list proves an effect.",
        next_step=f"Look for reference {line[0]} in {target}; if it is not there, "
        f"`syncline outbox deny {line[0][:12]} --by <you> --reason <why>`: it is computed anew.",
        at=at,
    )  # fmt: skip
