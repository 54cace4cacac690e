"""One document: claim its lines, send it once, write down what the answer proves."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from psycopg.types.json import Jsonb

from syncline.exceptions import About, open_exception
from syncline.heard import listening
from syncline.outbox.transitions import Step, lock_outbox, prove_all, transition_all
from syncline.targets.changes import settle_all
from syncline.targets.claiming import Claimed, claim
from syncline.targets.contract import LineAnswer
from syncline.targets.durations import back_off_s, real
from syncline.targets.governance.turns import turn
from syncline.targets.lanes import EVERY_LANE
from syncline.targets.proof import settled
from syncline.targets.reading import answered_alike

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.outbox.states import State
    from syncline.targets.contract import Adapter, DocumentAnswer, Line
    from syncline.targets.lanes import Share
    from syncline.targets.policy import TargetPolicy

SLOW_DOWN = 429
NOT_TAKEN = ("unknown", "refused")


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
    conn: psycopg.Connection,
    adapter: Adapter,
    policy: TargetPolicy,
    clock: Clock,
    worker: str,
    share: Share = EVERY_LANE,
) -> Sent | None:
    """Send the next document that is due and whose lanes are free; None when there is none."""
    with turn(adapter, policy.run_s), ExitStack() as lanes:
        claimed = claim(conn, policy, clock, worker, lanes, share)
        if claimed is None:
            return None
        return record(conn, policy, clock, claimed, _sent(adapter, policy, clock, claimed))


def _sent(adapter: Adapter, policy: TargetPolicy, clock: Clock, claimed: Claimed) -> DocumentAnswer:
    """Call, with what is left until the deadline: a worker that was kept waiting since must not outlast its lease."""
    assert claimed.deadline_at is not None, "a try is committed before it is sent"
    left_s = min(policy.call_s, clock.real_s(claimed.deadline_at - clock.now()))
    if left_s <= 0:
        return replace(answered_alike(claimed.document, LineAnswer("not_executed", "late"), None), silent=False)
    with listening() as ear:
        answer = adapter.send(claimed.document, left_s)
    return replace(answer, heard=ear.text)


def record(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, claimed: Claimed, answer: DocumentAnswer
) -> Sent:
    """Write down what the answer says of each line, and what that proves: a few statements, however many lines."""
    done = Sent(lines=len(claimed.tries), silent=answer.silent, slow_down=answer.status_code == SLOW_DOWN)
    no_result = LineAnswer("unknown", "no_result")
    told = {line.reference: answer.lines.get(line.reference, no_result) for line in claimed.document.lines}
    with conn.pipeline(), conn.transaction():
        lock_outbox(conn, policy.target)
        at = clock.now()
        tried = [
            Try(line, claimed.tries[line.reference])
            for line in claimed.document.lines
            if line.reference in claimed.tries
        ]
        _record_attempts(conn, tried, told, answer, at)
        proven = _companions(claimed, told)
        unproven = _unproven_before(conn, tried)
        steps: defaultdict[State, list[Step]] = defaultdict(list)
        for each in tried:
            outcome = told[each.line.reference]
            to, step = _settle_line(policy, clock, each, outcome, answer, each.line.reference in unproven, at)
            if to == "applied":
                proven.append(each.line)
            elif to is not None:
                steps[to].append(step)
        done.applied = sum(line.reference in claimed.tries for line in proven)
        done.accepted = len(tried) - done.applied - sum(map(len, steps.values()))
        _applied(conn, policy, proven, at)
        moved = {to: len(transition_all(conn, steps[to], "sent", to, at=at)) for to in sorted(steps)}
        done.retried, done.rejected = moved.get("pending", 0), moved.get("rejected", 0)
        done.unknown = moved.get("unknown", 0)
        if policy.can.key == "document" and done.retried:
            _dissolve(conn, claimed)
    return done


def _record_attempts(
    conn: psycopg.Connection, tried: list[Try], told: Mapping[str, LineAnswer], answer: DocumentAnswer, at: datetime
) -> None:
    said = [told[each.line.reference] for each in tried]
    answers = [{"code": each.code, **each.detail} for each in said]
    # What was said of the whole document is kept once: with the first line that it left without effect or proof.
    odd = next((index for index, each in enumerate(said) if each.outcome in NOT_TAKEN), None)
    if odd is not None and answer.heard:
        answers[odd]["body"] = answer.heard
    conn.execute(
        """
        update ops.push_attempts a set answered_at = %(at)s, outcome = t.outcome, status_code = %(status)s,
               answer = t.answer, job = %(job)s, latency_ms = coalesce(a.latency_ms, %(latency)s)
        from unnest(%(ids)s::text[], %(tries)s::int[], %(outcomes)s::text[], %(answers)s::jsonb[])
          as t (correction_id, try_no, outcome, answer)
        where (a.correction_id, a.try_no) = (t.correction_id, t.try_no)
        """,
        {
            "at": at, "status": answer.status_code, "job": answer.job, "latency": answer.latency_ms,
            "ids": [each.line.reference for each in tried], "tries": [each.number for each in tried],
            "outcomes": [each.outcome for each in said], "answers": [Jsonb(each) for each in answers],
        },
    )  # fmt: skip


def _companions(claimed: Claimed, told: Mapping[str, LineAnswer]) -> list[Line]:
    """Lines that only complete a repeated document, and of which the answer proves that they took effect."""
    return [
        line
        for line in claimed.document.lines
        if line.reference not in claimed.tries and told[line.reference].outcome in ("applied", "replayed")
    ]


def _settle_line(
    policy: TargetPolicy, clock: Clock, tried: Try, told: LineAnswer, answer: DocumentAnswer, is_unproven: bool,
    at: datetime,
) -> tuple[State | None, Step]:  # fmt: skip
    """Where the answer brings a line, and how. ``is_unproven``: a try before this one may still land, or has."""
    reference = tried.line.reference
    to = settled(told.outcome, policy, earlier_unproven=is_unproven)
    reason, not_before = told.code or told.outcome, None
    if to == "pending":
        wait_s = back_off_s(policy, reference, tried.number)
        not_before = at + real(clock, max(wait_s, answer.retry_after_s or 0.0))
        reason = f"not executed: {told.code or answer.status_code}"
    elif to == "rejected":
        reason = "stale" if told.outcome == "stale" else f"refused: {told.code or answer.status_code}"
    return to, Step(reference, tried.number, not_before, reason)


def _applied(conn: psycopg.Connection, policy: TargetPolicy, lines: list[Line], at: datetime) -> None:
    proven = prove_all(conn, [line.reference for line in lines], at=at)
    settle_all(
        conn, policy.target,
        [(line.reference, line.item, line.location) for line in lines if line.reference in proven], at,
    )  # fmt: skip


def _dissolve(conn: psycopg.Connection, claimed: Claimed) -> None:
    """Lines of a document of which nothing was executed, ever, may go in other company.

    Also beside one that failed its compare or was refused: a target that remembers the document remembers that, too.
    """
    conn.execute(
        "update ops.outbox o set document_id = null where document_id = %(document)s and not exists ("
        "  select from ops.push_attempts a where a.correction_id = any(%(lines)s) and a.document_id = %(document)s "
        "  and (a.outcome is null or a.outcome not in ('not_executed', 'stale', 'refused')))",
        {"document": claimed.document.key, "lines": [line.reference for line in claimed.document.lines]},
    )


def _unproven_before(conn: psycopg.Connection, tried: list[Try]) -> set[str]:
    """The lines that had a try before this one which neither an answer nor a look-up has shown to be harmless."""
    again = [each for each in tried if each.number > 1]
    if not again:
        return set()
    rows = conn.execute(
        "select distinct a.correction_id from ops.push_attempts a "
        "inner join unnest(%s::text[], %s::int[]) as t (correction_id, try_no) using (correction_id) "
        "where a.try_no < t.try_no and (a.outcome is null or a.outcome not in ('not_executed', 'absent'))",
        ([each.line.reference for each in again], [each.number for each in again]),
    ).fetchall()
    return {reference for (reference,) in rows}


def escalate(conn: psycopg.Connection, target: str, line: tuple[str, str, str], tries: int, at: datetime) -> None:
    """Tell a person that a correction used up its tries without proof. ``line``: correction id, item, location."""
    open_exception(
        conn, "push.tries", line[0],
        detail=f"{target}: {line[1]} at {line[2]} was sent {tries} times, "
        "and neither an answer nor the change list proves an effect.",
        next_step=f"Look for reference {line[0]} in {target}; if it is not there, "
        f"`syncline outbox deny {line[0][:12]} --by <you> --reason <why>`: it is computed anew.",
        at=at, about=About(target=target, item=line[1], location=line[2]), evidence=[f"correction:{line[0]}"],
    )  # fmt: skip
