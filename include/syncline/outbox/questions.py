"""Questions about held corrections: one for what a target holds for one reason, with the lines it is about.

A flood asks once: what is held later, while the question stands, is asked about after its answer. An answer moves the
lines that it was asked about and that are still held for that reason; nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from psycopg.rows import class_row

from syncline.errors import TerminalError
from syncline.outbox.breaker_desk import BY_MAX, NOTE_MAX, require
from syncline.outbox.exceptions import resolve_exception
from syncline.outbox.queue import queue_keys
from syncline.outbox.release import FOR_A_PERSON, RELEASED_BY
from syncline.outbox.transitions import lock_outbox, transition

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.outbox.breaker_desk import Decision

# Reasons that go by themselves when their cause goes: nobody is asked before they had the time to.
BY_ITSELF = frozenset({"conflict", "serial disputed", "negative", "without base", "unexplained"})
BY_ITSELF_WITHIN = timedelta(hours=1)  # in the product's clock
LARGEST = 5


@dataclass(frozen=True)
class Question:
    """``state`` settled: nothing that it was about is held for its reason any more."""

    question_id: int
    target: str
    reason: str
    state: Literal["open", "released", "denied", "settled"]
    opened_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str | None


@dataclass(frozen=True)
class About:
    """What a question is about, now: ``changes`` are the largest; ``value`` in minor units of currency."""

    lines: int
    units: int
    value: int
    tried: int
    changes: list[str]


@dataclass(frozen=True)
class Answered:
    """``moved``: let go or ended; ``outdated``: superseded and queued; ``kept``: tried, so they cannot be let go."""

    question: Question
    moved: int = 0
    outdated: int = 0
    kept: int = 0
    already: bool = False


COLUMNS = "question_id, target, reason, state, opened_at, decided_at, decided_by, note"
# Held by a person, a breaker or a pilot: asked elsewhere, or not at all.
_HELD = """
select o.correction_id, o.target, o.reason from ops.outbox o
where o.state = 'held' and not exists (
    select from ops.hold_question_lines l inner join ops.hold_questions q using (question_id)
    where l.correction_id = o.correction_id and q.state = 'open' and q.reason = o.reason)
  and ((string_to_array(o.reason, ', ') && %(person)s) or o.tries > 0
       or (string_to_array(o.reason, ', ') && %(itself)s and o.changed_at <= %(before)s))
order by o.target, o.reason, o.correction_id
"""


def open_questions(conn: psycopg.Connection, now: datetime) -> int:
    """Settle questions that stand for nothing, and open one for each (target, reason) that has none; how many opened.

    Args:
        conn: role publisher, autocommit.
    """
    with conn.transaction():
        conn.execute("lock table ops.hold_questions in share row exclusive mode")
        conn.execute(
            "update ops.hold_questions q set state = 'settled', decided_at = %s where state = 'open' and not exists ("
            "select from ops.hold_question_lines l inner join ops.outbox o using (correction_id) "
            "where l.question_id = q.question_id and o.state = 'held' and o.reason = q.reason)",
            (now,),
        )
        standing = {
            (target, reason)
            for target, reason in conn.execute("select target, reason from ops.hold_questions where state = 'open'")
        }
        held = conn.execute(
            _HELD, {"person": sorted(FOR_A_PERSON), "itself": sorted(BY_ITSELF), "before": now - BY_ITSELF_WITHIN}
        ).fetchall()
        lines: dict[tuple[str, str], list[str]] = {}
        for correction_id, target, reason in held:
            if (target, reason) not in standing:
                lines.setdefault((target, reason), []).append(correction_id)
        for (target, reason), corrections in lines.items():
            conn.execute(
                "with q as (insert into ops.hold_questions (target, reason, state, opened_at) "
                "values (%s, %s, 'open', %s) returning question_id) "
                "insert into ops.hold_question_lines select question_id, unnest(%s::text[]) from q",
                (target, reason, now, corrections),
            )
        return len(lines)


def claim_questions(
    conn: psycopg.Connection, run: str, *, now: datetime, until: datetime, every: bool = False
) -> list[int]:
    """Open questions that no other run asks before ``until`` has passed; the same run gets the same ones again."""
    rows = conn.execute(
        """
        with mine as (
          update ops.hold_questions set asked_by = %(run)s, asked_until = %(until)s
          where state = 'open' and (%(every)s or asked_by is null or asked_until <= %(now)s)
            and asked_by is distinct from %(run)s
          returning question_id
        )
        select question_id from mine
        union select question_id from ops.hold_questions where asked_by = %(run)s
        order by 1
        """,
        {"run": run, "until": until, "now": now, "every": every},
    ).fetchall()
    return [question_id for (question_id,) in rows]


def one_question(conn: psycopg.Connection, question_id: int) -> Question | None:
    """The question; None when there is none of that number."""
    with conn.cursor(row_factory=class_row(Question)) as cursor:
        query = f"select {COLUMNS} from ops.hold_questions where question_id = %s"
        return cursor.execute(query, (question_id,)).fetchone()


def about(conn: psycopg.Connection, question: Question) -> About:
    """How much of what the question is about is still held for its reason."""
    rows = conn.execute(
        """
        select o.item, o.location, o.shown, o.wanted, o.tries, coalesce(i.unit_value, 0)
        from ops.hold_question_lines l inner join ops.outbox o using (correction_id)
        left join ops.current_items i using (item)
        where l.question_id = %s and o.state = 'held' and o.reason = %s
        order by abs(o.wanted - o.shown) desc, o.item, o.location
        """,
        (question.question_id, question.reason),
    ).fetchall()
    return About(
        lines=len(rows),
        units=sum(abs(wanted - shown) for _, _, shown, wanted, _, _ in rows),
        value=sum(abs(wanted - shown) * value for _, _, shown, wanted, _, value in rows),
        tried=sum(tries > 0 for *_, tries, _ in rows),
        changes=[f"{item} at {place}: {shown} → {wanted}" for item, place, shown, wanted, _, _ in rows[:LARGEST]],
    )


def answer(
    conn: psycopg.Connection, question_id: int, decision: Decision, *, by: str, note: str, at: datetime
) -> Answered:
    """Let go (``released``) or end (``denied``) what the question is about, in one transaction, once.

    Let go is only what was never tried and is still its key's newest number from its newest reading (semantics §9).

    Raises:
        TerminalError: no such question; no name, or no note.
    """
    require(by, "Who decides", "by", BY_MAX)
    require(note, "The reason", "note", NOTE_MAX)
    with conn.transaction():
        question = one_question(conn, question_id)
        if question is None:
            raise TerminalError(f"There is no question {question_id}.", next_step="Look at ops.hold_questions.")
        lock_outbox(conn, question.target)
        closed = conn.execute(
            "update ops.hold_questions set state = %s, decided_at = %s, decided_by = %s, note = %s "
            "where question_id = %s and state = 'open'",
            (decision, at, by, note, question_id),
        ).rowcount
        if not closed:
            again = one_question(conn, question_id)
            assert again is not None
            return Answered(again, already=True)
        moved = outdated = kept = 0
        for correction, key, tries, is_newest in _lines(conn, question):
            if decision == "denied":
                reason = f"denied by {by} (question {question_id}): {note}"
                moved += transition(conn, correction, "held", "dead", at=at, reason=reason)
                resolve_exception(conn, "push.tries", correction, at=at)
            elif tries:
                kept += 1
            elif is_newest:
                reason = f"{RELEASED_BY}{by} (question {question_id})"
                moved += transition(conn, correction, "held", "pending", at=at, reason=reason)
            else:
                outdated += transition(conn, correction, "held", "dead", at=at, reason="superseded")
                queue_keys(conn, [key], "hold released", at)
        done = one_question(conn, question_id)
    assert done is not None
    return Answered(done, moved, outdated, kept)


def _lines(conn: psycopg.Connection, question: Question) -> list[tuple[str, tuple[str, str, str], int, bool]]:
    rows = conn.execute(
        """
        select o.correction_id, o.target, o.item, o.location, o.tries,
               o.to_version = (select max(v.version) from ops.target_versions v
                 where (v.target, v.item, v.location) = (o.target, o.item, o.location))
               and o.reading_no = (select max(r.reading_no) from ops.target_readings r
                 where (r.target, r.item, r.location) = (o.target, o.item, o.location))
        from ops.hold_question_lines l inner join ops.outbox o using (correction_id)
        where l.question_id = %s and o.state = 'held' and o.reason = %s order by o.item, o.location
        """,
        (question.question_id, question.reason),
    ).fetchall()
    return [(row[0], (row[1], row[2], row[3]), int(row[4]), bool(row[5])) for row in rows]
