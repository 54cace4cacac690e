"""One document: claim its lines, send it once, write down what the answer proves."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from psycopg.types.json import Jsonb

from syncline.outbox.exceptions import open_exception
from syncline.outbox.transitions import lock_outbox, prove, transition
from syncline.targets.changes import settle_exceptions
from syncline.targets.claiming import Claimed, claim
from syncline.targets.contract import LineAnswer
from syncline.targets.durations import back_off_s, real
from syncline.targets.governance.turns import turn
from syncline.targets.proof import settled

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import Adapter, DocumentAnswer, Line
    from syncline.targets.policy import TargetPolicy

SLOW_DOWN = 429


class Try(NamedTuple):
    """One line of a document under way, and which try it is."""

    line: Line
    number: int


@dataclass
class Sent:
    """What became of one document. ``silent``: the target gave no answer that counts."""

    lines: int = 0
    applied: int = 0
    rejected: int = 0
    unknown: int = 0
    retried: int = 0
    accepted: int = 0
    silent: bool = False
    slow_down: bool = False


def send_next(
    conn: psycopg.Connection, adapter: Adapter, policy: TargetPolicy, clock: Clock, worker: str
) -> Sent | None:
    """Send the next document that is due and whose lanes are free; None when there is none."""
    with turn(adapter, policy.run_s), ExitStack() as lanes:
        claimed = claim(conn, policy, clock, worker, lanes)
        if claimed is None:
            return None
        answer = adapter.send(claimed.document, policy.call_s)
        return record(conn, policy, clock, claimed, answer)


def record(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, claimed: Claimed, answer: DocumentAnswer
) -> Sent:
    """Write down what the answer says of each line, and what that proves."""
    done = Sent(lines=len(claimed.tries), silent=answer.silent, slow_down=answer.status_code == SLOW_DOWN)
    with conn.transaction():
        lock_outbox(conn, policy.target)
        at = clock.now()
        for line in claimed.document.lines:
            told = answer.lines.get(line.reference, LineAnswer("unknown", "no_result"))
            if line.reference not in claimed.tries:
                if told.outcome in ("applied", "replayed"):
                    _applied(conn, policy, line, at)
                continue
            tried = Try(line, claimed.tries[line.reference])
            _record_attempt(conn, tried, told, answer, at)
            _settle_line(conn, policy, clock, tried, told, answer, at, done)
        _dissolve(conn, claimed)
    return done


def _record_attempt(
    conn: psycopg.Connection, tried: Try, told: LineAnswer, answer: DocumentAnswer, at: datetime
) -> None:
    conn.execute(
        "update ops.push_attempts set answered_at = %s, outcome = %s, status_code = %s, answer = %s, job = %s, "
        "latency_ms = coalesce(latency_ms, %s) where correction_id = %s and try_no = %s",
        (
            at, told.outcome, answer.status_code, Jsonb({"code": told.code, **told.detail}), answer.job,
            answer.latency_ms, tried.line.reference, tried.number,
        ),
    )  # fmt: skip


def _settle_line(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, tried: Try, told: LineAnswer,
    answer: DocumentAnswer, at: datetime, done: Sent,
) -> None:  # fmt: skip
    line = tried.line
    to = settled(told.outcome, policy, earlier_unproven=_has_unproven_try(conn, tried))
    reason, not_before = told.code or told.outcome, None
    if to == "applied":
        _applied(conn, policy, line, at)
        done.applied += 1
        return
    if to is None:
        done.accepted += 1
        return
    if to == "pending":
        wait_s = back_off_s(policy, line.reference, tried.number)
        not_before = at + real(clock, max(wait_s, answer.retry_after_s or 0.0))
        reason = f"not executed: {told.code or answer.status_code}"
    elif to == "rejected":
        reason = "stale" if told.outcome == "stale" else f"refused: {told.code or answer.status_code}"
    moved = transition(
        conn, line.reference, "sent", to, at=at, try_no=tried.number, not_before=not_before, reason=reason
    )
    done.retried += moved and to == "pending"
    done.rejected += moved and to == "rejected"
    done.unknown += moved and to == "unknown"


def _applied(conn: psycopg.Connection, policy: TargetPolicy, line: Line, at: datetime) -> None:
    if prove(conn, line.reference, at=at):
        settle_exceptions(conn, policy.target, line.item, line.location, line.reference, at)


def _dissolve(conn: psycopg.Connection, claimed: Claimed) -> None:
    """Lines of a document of which nothing was executed, ever, may go in other company."""
    conn.execute(
        "update ops.outbox o set document_id = null where document_id = %s and not exists ("
        "  select from ops.push_attempts a where a.document_id = o.document_id "
        "  and a.outcome is distinct from 'not_executed')",
        (claimed.document.key,),
    )


def _has_unproven_try(conn: psycopg.Connection, tried: Try) -> bool:
    row = conn.execute(
        "select exists (select from ops.push_attempts where correction_id = %s and try_no < %s "
        "and (outcome is null or outcome not in ('not_executed', 'absent')))",
        (tried.line.reference, tried.number),
    ).fetchone()
    return bool(row and row[0])


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
