"""Which lines go into the next document: their lanes are locked, and the try is committed before the first byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from psycopg import Rollback

from syncline.outbox.release import RELEASED_BY, UNCOMPARED
from syncline.outbox.transitions import lock_outbox, transition
from syncline.targets.contract import Document, Line
from syncline.targets.durations import real
from syncline.targets.lanes import lane
from syncline.targets.proof import is_over
from syncline.targets.requests import hold_unreferenced, store_request

if TYPE_CHECKING:
    from contextlib import ExitStack

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.policy import TargetPolicy

CANDIDATES_MAX = 500


class Due(NamedTuple):
    """A line that may be sent now. ``halvings``: how often its document is halved before it goes in company again."""

    line: Line
    tries: int
    halvings: int
    document_id: str | None


@dataclass
class Claimed:
    """A document under way. ``tries``: number of this try by correction id; a line without one completes the body."""

    document: Document
    tries: dict[str, int]


# An untried correction whose key was read again since is out of date: the next release replaces it. An item of which
# something is under way waits, also when its worker died and gave the lane back.
# A line that was not executed in company goes into smaller documents: half as long after each lock, since a lock
# may be anybody's; alone after a refusal, since only so it is known whose fault it was.
DUE = """
select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.shown, o.tries,
       coalesce((select case when a.outcome <> 'not_executed' or a.status_code = 429 then 0
                    when a.status_code = 423 then o.tries else 30 end
        from ops.push_attempts a where a.correction_id = o.correction_id order by a.try_no desc limit 1), 0),
       o.document_id
from ops.outbox o
where o.target = %(target)s and o.state = 'pending' and (o.not_before is null or o.not_before <= %(now)s)
  and (o.tries > 0 or o.reading_no = (select max(r.reading_no) from ops.target_readings r
                                      where (r.target, r.item, r.location) = (o.target, o.item, o.location)))
  and not exists (select from ops.outbox s where s.target = o.target and s.item = o.item and s.state = 'sent')
order by o.item, o.location
limit %(limit)s
"""
WHOLE = """
select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.shown, o.tries, o.state,
       o.not_before is null or o.not_before <= %(now)s
from ops.push_documents d
cross join unnest(d.lines) with ordinality as l (correction_id, position)
inner join ops.outbox o using (correction_id)
where d.document_id = %(document)s order by l.position
"""


def claim(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, worker: str, lanes: ExitStack
) -> Claimed | None:
    """Lock lanes, then commit lease, try number and attempt: all of it before the first byte goes out.

    None: nothing is due, or others hold the lanes of all that is.
    """
    forget_keys(conn, policy, clock)
    hold_uncompared(conn, policy, clock)
    values = {"target": policy.target, "now": clock.now(), "limit": CANDIDATES_MAX}
    due = [Due(Line(*row[:6]), *row[6:]) for row in conn.execute(DUE, values).fetchall()]
    free = _Lanes(conn, policy.target, lanes)
    again = [each.document_id for each in due if each.document_id is not None]
    for document_id in dict.fromkeys(again):
        whole = _whole(conn, document_id, clock, free)
        if whole is not None:
            return _commit(conn, policy, clock, worker, whole)
    chosen = _choose([each for each in due if each.document_id is None], policy, free)
    if not chosen:
        return None
    document = Document(tuple(each.line for each in chosen))
    return _commit(conn, policy, clock, worker, Claimed(document, {e.line.reference: e.tries + 1 for e in chosen}))


def forget_keys(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> int:
    """A try that waits for its next one while the target forgets its key is unknown again, and is judged so."""
    if not is_over(float("inf"), policy):
        return 0
    at = clock.now()
    rows = conn.execute(
        "select o.correction_id, min(a.sent_at) from ops.outbox o inner join ops.push_attempts a using (correction_id) "
        "where o.target = %s and o.state = 'pending' and o.tries > 0 group by o.correction_id "
        "having bool_or(a.outcome is null or a.outcome not in ('not_executed', 'absent')) order by o.correction_id",
        (policy.target,),
    ).fetchall()
    over = [reference for reference, first_at in rows if is_over(clock.real_s(at - first_at), policy)]
    with conn.transaction():
        lock_outbox(conn, policy.target)
        return sum(
            transition(conn, reference, "pending", "unknown", at=at, reason="the target forgets its key")
            for reference in over
        )


def hold_uncompared(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> int:
    """A set without compare, on a number that others write, would undo what they did: a person lets it go, or not."""
    if policy.can.writes != "set" or policy.can.compare != "none" or policy.sole_writer:
        return 0
    at = clock.now()
    with conn.transaction():
        lock_outbox(conn, policy.target)
        rows = conn.execute(
            "select correction_id from ops.outbox where target = %s and state = 'pending' and tries = 0 "
            "and not starts_with(coalesce(reason, ''), %s) order by correction_id",
            (policy.target, RELEASED_BY),
        ).fetchall()
        return sum(transition(conn, each, "pending", "held", at=at, reason=UNCOMPARED) for (each,) in rows)


class _Lanes:
    """The lanes of one claim: asked for once each, given back with the stack."""

    def __init__(self, conn: psycopg.Connection, target: str, stack: ExitStack) -> None:
        self._conn, self._target, self._stack = conn, target, stack
        self._free: dict[str, bool] = {}

    def take(self, item: str) -> bool:
        if item not in self._free:
            self._free[item] = self._stack.enter_context(lane(self._conn, self._target, item))
        return self._free[item]


def _choose(due: list[Due], policy: TargetPolicy, free: _Lanes) -> list[Due]:
    chosen: list[Due] = []
    room = policy.lines_max
    for each in due:
        fits = max(1, policy.lines_max >> each.halvings)
        if len(chosen) < fits and free.take(each.line.item):
            chosen.append(each)
            room = min(room, fits)
            if len(chosen) >= room:
                break
    return chosen


def _whole(conn: psycopg.Connection, document_id: str, clock: Clock, free: _Lanes) -> Claimed | None:
    """A document that can only be repeated as it was; None while one of its lines is not due, or a lane is not free."""
    rows = conn.execute(WHOLE, {"document": document_id, "now": clock.now()}).fetchall()
    lines = tuple(Line(*row[:6]) for row in rows)
    waiting = {row[0]: row[6] + 1 for row in rows if row[7] == "pending"}
    if any(row[7] in ("sent", "unknown") or (row[7] == "pending" and not row[8]) for row in rows):
        return None
    if not all(free.take(line.item) for line in lines):
        return None
    return Claimed(Document(lines), waiting)


def _commit(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, worker: str, claimed: Claimed
) -> Claimed | None:
    """None when somebody moved a line between reading and locking, or one has no reference to be sent by."""
    with conn.transaction() as everything:
        lock_outbox(conn, policy.target)
        at = clock.now()
        lease_until = at + real(clock, policy.lease_s)
        document = claimed.document
        if not store_request(conn, policy, document, at):
            raise Rollback(everything)
        moved = {
            reference: try_no
            for reference, try_no in claimed.tries.items()
            if transition(conn, reference, "pending", "sent", at=at, lease_until=lease_until, lease_holder=worker)
        }
        if moved.keys() != claimed.tries.keys():
            raise Rollback(everything)
        if policy.can.key == "document":
            conn.execute(
                "update ops.outbox set document_id = %s where correction_id = any(%s)", (document.key, list(moved))
            )
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ops.push_attempts (correction_id, try_no, sent_at, deadline_at, document_id) "
                "values (%s, %s, %s, %s, %s)",
                [
                    (reference, try_no, at, at + real(clock, policy.call_s), document.key)
                    for reference, try_no in sorted(moved.items())
                ],
            )
        return claimed
    hold_unreferenced(conn, policy, clock.now())
    return None


def lines_of(conn: psycopg.Connection, document_id: str) -> tuple[Line, ...]:
    """The lines of a document as it was sent."""
    rows = conn.execute(
        "select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.shown "
        "from ops.push_documents d cross join unnest(d.lines) with ordinality as l (correction_id, position) "
        "inner join ops.outbox o using (correction_id) where d.document_id = %s order by l.position",
        (document_id,),
    ).fetchall()
    return tuple(Line(*row) for row in rows)
