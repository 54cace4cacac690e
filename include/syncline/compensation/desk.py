"""Runs of the rules, and what people do with what they propose. Each call is one transaction (role transformer).

Two calls never meet: they take one lock. A call that is killed wrote nothing; a run that is cleared finds what it did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.compensation.acting import SYSTEM, act, take_back
from syncline.compensation.cases import find_blocks, find_cases
from syncline.compensation.model import Kept, Planned, Rule, State
from syncline.compensation.planning import Spent, plan
from syncline.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

_LOCK = "select pg_advisory_xact_lock(7240033)"
_RULES = """select rule, finding, cause_class, cause, location, item_class, action, mode, wait_s, key_units, key_value,
  run_keys, run_units, day_units, again_s from ops.current_compensation_rules order by rule collate "C" """
_COLUMNS = ", ".join(Kept.__dataclass_fields__)
_ONE = f"select {_COLUMNS} from ops.compensations where compensation_id = %s"
_PUT = """
insert into ops.compensations (compensation_id, rule, finding, subject, exception_id, action, item, location, measure,
  lot, target, source, event_key, units, value_minor, detail, evidence, state, reason, run, proposed_at, changed_at,
  changed_by)
values (%(id)s, %(rule)s, %(finding)s, %(subject)s, %(exception)s, %(action)s, %(item)s, %(location)s, %(measure)s,
  %(lot)s, %(target)s, %(source)s, %(event_key)s, %(units)s, %(value)s, %(detail)s, %(evidence)s, %(state)s,
  %(reason)s, %(run)s, %(at)s, %(at)s, %(by)s)
on conflict (compensation_id) do nothing
"""
_MOVE = """
update ops.compensations set state = %s, reason = %s, run = %s, changed_at = %s, changed_by = %s, note = %s,
  decision_id = coalesce(%s, decision_id), reversal_id = coalesce(%s, reversal_id)
where compensation_id = %s
"""
_DAY = timedelta(days=1)


class NoSuchCompensation(TerminalError):
    """There is none of that id."""


@dataclass
class Ran:
    """What a run did. ``applied``: done; ``waiting``: for a person; ``dry``: would be done; ``gone``: stands no more;
    ``refused``: what it answers changed in between, so nothing was done.
    """

    applied: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    dry: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def preview(conn: psycopg.Connection, now: datetime) -> list[Planned]:
    """What a run would do now; nothing is written."""
    with conn.transaction(force_rollback=True):
        return _planned(conn, read_rules(conn), "", now)


def run(conn: psycopg.Connection, run_id: str, now: datetime) -> Ran:
    """Answer what the rules decide, propose the rest, and drop proposals whose finding stands no more.

    Args:
        run_id: a run that is cleared has the same name, and the same limits to spend.

    Raises:
        MartsMissing: nothing can be decided yet.
    """
    done = Ran()
    with conn.transaction():
        conn.execute(_LOCK)
        planned = _planned(conn, read_rules(conn), run_id, now)
        for each in planned:
            if each.state is not None:
                _settle(conn, each, run_id, now, done)
        # What waits for its time or behind a breaker has been proposed before: it is not gone.
        standing = [each.compensation_id for each in planned]
        for (name,) in conn.execute(
            "select compensation_id from ops.compensations where state in ('dry run', 'waiting') "
            'and compensation_id <> all(%s) order by compensation_id collate "C"',
            (standing,),
        ).fetchall():
            _move(conn, name, "gone", run_id, SYSTEM, now, reason="its finding stands no more")
            done.gone.append(name)
    return done


def approve(conn: psycopg.Connection, name: str, *, by: str, note: str, at: datetime) -> Kept:
    """Do what waits, when what it answers still stands as it did; once.

    Raises:
        NoSuchCompensation: there is none of that id.
        TerminalError: it is in no state for it, or what it answers has changed: then it is marked gone by the next run.
    """
    with conn.transaction():
        conn.execute(_LOCK)
        kept = get(conn, name)
        if kept.state == "applied":
            return kept
        _refuse_unless(kept, "waiting", "approved")
        name = kept.compensation_id
        found = {each.compensation_id: each for each in _planned(conn, read_rules(conn), "", at)}.get(name)
        if found is None or found.state not in ("waiting", "applied"):
            why = f": {found.reason or found.state}" if found else ""
            raise TerminalError(
                f"What compensation {name[:12]} answers is not as it was{why}.",
                next_step="Run the rules again and look at what they propose now: syncline compensate run.",
            )
        decision = act(conn, kept, by, at)
        _move(conn, name, "applied", kept.run, by, at, note=note, decision=decision)
        return get(conn, name)


def reject(conn: psycopg.Connection, name: str, *, by: str, note: str, at: datetime) -> Kept:
    """It shall not be done. Its rule asks about that key from now on, and does nothing there by itself."""
    with conn.transaction():
        conn.execute(_LOCK)
        kept = get(conn, name)
        if kept.state == "rejected":
            return kept
        _refuse_unless(kept, "waiting", "rejected")
        _move(conn, kept.compensation_id, "rejected", kept.run, by, at, reason=kept.reason, note=note)
        return get(conn, kept.compensation_id)


def reverse(conn: psycopg.Connection, name: str, *, by: str, note: str, at: datetime) -> Kept:
    """Take back what was done, by a record of its own; its exception is open again."""
    with conn.transaction():
        conn.execute(_LOCK)
        kept = get(conn, name)
        if kept.state == "reversed":
            return kept
        _refuse_unless(kept, "applied", "reversed")
        made = take_back(conn, kept, by, note, at)
        _move(conn, kept.compensation_id, "reversed", kept.run, by, at, note=note, reversal=made)
        return get(conn, kept.compensation_id)


def get(conn: psycopg.Connection, name: str) -> Kept:
    """The compensation of that id, or of the only one that begins so.

    Raises:
        NoSuchCompensation: there is none, or more than one.
    """
    with conn.cursor(row_factory=class_row(Kept)) as cursor:
        query = f"select {_COLUMNS} from ops.compensations where starts_with(compensation_id, %s) limit 2"
        found = cursor.execute(query.encode(), (name,)).fetchall() if len(name) >= 6 else []
    if len(found) != 1:
        what = "More than one compensation begins" if found else "No compensation begins"
        raise NoSuchCompensation(
            f"{what} with {name[:50]!r}.", next_step="Give its id, or the first 6 characters: syncline compensate list."
        )
    return found[0]


def listed(conn: psycopg.Connection, states: Sequence[State], limit: int) -> list[Kept]:
    """The newest ``limit`` compensations in ``states``."""
    with conn.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from ops.compensations where state = any(%s) "
            'order by changed_at desc, compensation_id collate "C" limit %s'.encode(),
            (list(states), limit),
        ).fetchall()


def claim_questions(
    conn: psycopg.Connection, run_id: str, *, now: datetime, until: datetime, every: bool, most: int
) -> list[str]:
    """Compensations that wait and that no other run asks about before ``until``; the same run gets the same ones."""
    with conn.transaction():
        conn.execute(_LOCK)
        rows = conn.execute(
            """
            update ops.compensations set asked_by = %(run)s, asked_until = %(until)s where compensation_id in (
              select compensation_id from ops.compensations where state = 'waiting'
                and (%(every)s or asked_by is null or asked_until <= %(now)s or asked_by = %(run)s)
              order by proposed_at, compensation_id collate "C" limit %(most)s)
            returning compensation_id
            """,
            {"run": run_id, "until": until, "now": now, "every": every, "most": most},
        ).fetchall()
    return sorted(name for (name,) in rows)


def read_rules(conn: psycopg.Connection) -> list[Rule]:
    """The rules of the newest configuration, by name."""
    with conn.cursor(row_factory=class_row(Rule)) as cursor:
        return cursor.execute(_RULES.encode()).fetchall()


def _planned(conn: psycopg.Connection, rules: list[Rule], run_id: str, now: datetime) -> list[Planned]:
    return plan(find_cases(conn, rules, now), rules, _spent(conn, run_id, now), find_blocks(conn), now)


def _spent(conn: psycopg.Connection, run_id: str, now: datetime) -> Spent:
    """From the records: what was reversed was done, too, and counts."""
    spent = Spent()
    for rule, item, location, measure, lot, units, at, by_run, state in conn.execute(
        """
        select c.rule, coalesce(c.item, ''), coalesce(c.location, ''), coalesce(c.measure, ''), coalesce(c.lot, ''),
               abs(c.units), h.changed_at, h.run, c.state
        from ops.compensations c
        left join ops.compensation_changes h on h.compensation_id = c.compensation_id and h.to_state = 'applied'
        where c.state in ('applied', 'reversed', 'rejected')
        order by h.changed_at nulls first, c.compensation_id collate "C"
        """
    ).fetchall():
        key = (item, location, measure, lot)
        if state in ("reversed", "rejected"):
            spent.taken_back.add((rule, key))
        if at is None:
            continue
        spent.last[rule, key] = at
        if at > now - _DAY:
            spent.day_units[rule] += units
        if by_run == run_id:
            spent.run_keys[rule] += 1
            spent.run_units[rule] += units
    rows = conn.execute(
        "select compensation_id from ops.compensations where state in ('applied', 'reversed', 'rejected')"
    )
    spent.decided = {name for (name,) in rows}
    return spent


def _settle(conn: psycopg.Connection, planned: Planned, run_id: str, now: datetime, done: Ran) -> None:
    """Bring one into its state, and act when that is what it is; a refusal of the desk leaves it for a person."""
    state, reason, name = planned.state, planned.reason, planned.compensation_id
    assert state is not None
    kept = _put(conn, planned, run_id, now)
    if state == "applied":
        try:
            with conn.transaction():
                _move(conn, name, "applied", run_id, _name(planned.rule), now,
                      decision=act(conn, kept, _name(planned.rule), now))  # fmt: skip
            done.applied.append(name)
        except TerminalError as error:
            done.refused[name] = error.message
        return
    if kept.state != state:
        _move(conn, name, state, run_id, SYSTEM, now, reason=reason)
    (done.dry if state == "dry run" else done.waiting).append(name)


def _put(conn: psycopg.Connection, planned: Planned, run_id: str, now: datetime) -> Kept:
    """Its row; one that is to be applied begins as one that waits, so that its intent is there before its effect."""
    case, rule = planned.case, planned.rule
    first = "waiting" if planned.state == "applied" else planned.state
    values = {
        "id": planned.compensation_id, "rule": rule.rule, "finding": case.finding, "subject": case.subject,
        "exception": case.exception_id, "action": rule.action, "item": case.item, "location": case.location,
        "measure": case.measure, "lot": case.lot, "target": case.target, "source": case.source,
        "event_key": case.event_key, "units": case.units, "value": case.value, "detail": case.detail,
        "evidence": list(case.evidence), "state": first, "reason": planned.reason, "run": run_id, "at": now,
        "by": SYSTEM,
    }  # fmt: skip
    conn.execute(_PUT.encode(), values)
    return get(conn, planned.compensation_id)


def _move(
    conn: psycopg.Connection, name: str, state: State, run_id: str, by: str, at: datetime, *, reason: str | None = None,
    note: str | None = None, decision: str | None = None, reversal: str | None = None,
) -> None:  # fmt: skip
    conn.execute(_MOVE.encode(), (state, reason, run_id, at, by, note, decision, reversal, name))


def _name(rule: Rule) -> str:
    return f"rule {rule.rule}"


def _refuse_unless(kept: Kept, state: State, what: str) -> None:
    if kept.state != state:
        raise TerminalError(
            f"Compensation {kept.compensation_id[:12]} is {kept.state}: only one that is {state} can be {what}.",
            next_step=f"Look at it: syncline compensate show {kept.compensation_id[:12]}.",
        )
