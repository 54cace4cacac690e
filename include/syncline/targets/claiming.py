"""Which lines go into the next document: their lanes are locked, and the try is committed before the first byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from psycopg import Rollback

from syncline.outbox.release import RELEASED_BY, UNCOMPARED
from syncline.outbox.transitions import Step, lock_outbox, transition_all
from syncline.targets.contract import Document, Line
from syncline.targets.durations import real
from syncline.targets.lanes import EVERY_LANE, LANE_OF, Lanes
from syncline.targets.proof import is_over
from syncline.targets.requests import hold_unreferenced, store_request

if TYPE_CHECKING:
    from contextlib import ExitStack
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.lanes import Share
    from syncline.targets.policy import TargetPolicy


class Due(NamedTuple):
    """A line that may be sent now. ``halvings``: how often its document is halved before it goes in company again."""

    line: Line
    tries: int
    halvings: int
    lane: int


@dataclass
class Claimed:
    """A document under way. ``tries``: number of this try by correction id; a line without one completes the body.

    ``deadline_at``: by when its call must be over, so that it is inside the lease; None before it is committed.
    """

    document: Document
    tries: dict[str, int]
    deadline_at: datetime | None = None


# An untried correction whose key was read again since is out of date: the next release replaces it. An item of which
# something is under way waits, also when its worker died and gave the lane back.
# A line that was not executed in company goes into smaller documents: half as long after each lock, since a lock
# may be anybody's; alone after a refusal, since only so it is known whose fault it was.
# ``send_by`` is the priority and the age in one (migration 0018); the index of pending rows is in this order, so a
# claim looks at a document's worth of rows, however many wait. Each is looked up by itself: as joins, right after a
# release the statistics would have them read all that is open for each row (ADR 0012).
DUE = f"""
select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.shown, o.tries,
       case when o.tries = 0 then 0 else coalesce((
         select case when a.outcome <> 'not_executed' or a.status_code = 429 then 0
                     when a.status_code = 423 then o.tries else 30 end
         from ops.push_attempts a where a.correction_id = o.correction_id order by a.try_no desc limit 1), 0) end,
       {LANE_OF.format("o.item")}
from ops.outbox o
where o.target = %(target)s and o.state = 'pending' and (o.document_id is null or not %(repeats)s)
  and (o.not_before is null or o.not_before <= %(now)s)
  and {LANE_OF.format("o.item")} %% %(of)s = %(share)s and {LANE_OF.format("o.item")} <> all(%(busy)s)
  and (o.tries > 0 or o.reading_no = (select r.reading_no from ops.target_readings r
    where (r.target, r.item, r.location) = (o.target, o.item, o.location) order by r.reading_no desc limit 1))
  and (o.tries > 0 or not %(compares)s or starts_with(coalesce(o.reason, ''), '{RELEASED_BY}'))
  and (select true from ops.outbox s where s.target = o.target and s.item = o.item and s.state = 'sent' limit 1) is null
order by o.send_by, o.item, o.location
limit %(limit)s
"""
# Documents that can only be repeated as they were, and may be now: no line of them is under way, unknown or waiting.
AGAIN = """
select o.document_id from ops.outbox o
where o.target = %(target)s and o.state = 'pending' and o.document_id is not null
group by o.document_id
having bool_and(coalesce(o.not_before <= %(now)s, true)) and not exists (
  select from ops.outbox x where x.document_id = o.document_id and x.state in ('sent', 'unknown'))
order by min(o.send_by), o.document_id limit %(limit)s
"""
WHOLE = """
select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.shown, o.tries, o.state,
       o.not_before is null or o.not_before <= %(now)s,
       exists (select from ops.outbox s where s.target = o.target and s.item = o.item and s.state = 'sent')
from ops.push_documents d
cross join unnest(d.lines) with ordinality as l (correction_id, position)
inner join ops.outbox o using (correction_id)
where d.document_id = %(document)s order by l.position
"""
DOCUMENTS_MAX = 50
CLAIMS_MAX = 10  # each begins anew because somebody moved a line between reading and locking


def claim(
    conn: psycopg.Connection,
    policy: TargetPolicy,
    clock: Clock,
    worker: str,
    lanes: ExitStack,
    share: Share = EVERY_LANE,
) -> Claimed | None:
    """Lock lanes, then commit lease, try number and attempt: all of it before the first byte goes out.

    Args:
        lanes: gives the lanes back when it closes, so after the answer is written down.
        share: the lanes that are asked for first; others only when nothing is due there.

    None: nothing is due, or others hold the lanes of all that is.
    """
    held = lanes.enter_context(Lanes(conn, policy.target))
    for _ in range(CLAIMS_MAX):
        claimed = _repeated(conn, policy, clock, held) or _composed(conn, policy, clock, held, share)
        if claimed is None:
            return None
        if not forget_keys(conn, policy, clock, claimed) and _commit(conn, policy, clock, worker, claimed):
            return claimed
    return None


def forget_keys(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, claimed: Claimed) -> int:
    """A line whose first try is so old that the target forgets its key is unknown again, and is judged so.

    Only what is about to be sent is looked at: a line that waits endangers nothing.
    """
    again = [reference for reference, try_no in claimed.tries.items() if try_no > 1]
    if not again or not is_over(float("inf"), policy):
        return 0
    at = clock.now()
    rows = conn.execute(
        "select correction_id, min(sent_at) from ops.push_attempts where correction_id = any(%s) "
        "group by correction_id having bool_or(outcome is null or outcome not in ('not_executed', 'absent'))",
        (again,),
    ).fetchall()
    over = [reference for reference, first_at in rows if is_over(clock.real_s(at - first_at), policy)]
    if not over:
        return 0
    with conn.transaction():
        lock_outbox(conn, policy.target)
        steps = [Step(reference, reason="the target forgets its key") for reference in sorted(over)]
        return len(transition_all(conn, steps, "pending", "unknown", at=at))


def compares_nothing(policy: TargetPolicy) -> bool:
    """It sets without compare a number that others write, too."""
    return policy.can.writes == "set" and policy.can.compare == "none" and not policy.sole_writer


def hold_uncompared(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> int:
    """A set without compare, on a number that others write, would undo what they did: a person lets it go, or not.

    This says so to people. What comes in after it is not sent either: a claim leaves such rows alone.
    """
    if not compares_nothing(policy):
        return 0
    with conn.transaction():
        lock_outbox(conn, policy.target)
        rows = conn.execute(
            "select correction_id from ops.outbox where target = %s and state = 'pending' and tries = 0 "
            "and not starts_with(coalesce(reason, ''), %s) order by correction_id",
            (policy.target, RELEASED_BY),
        ).fetchall()
        steps = [Step(each, reason=UNCOMPARED) for (each,) in rows]
        return len(transition_all(conn, steps, "pending", "held", at=clock.now()))


def _repeated(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, held: Lanes) -> Claimed | None:
    """The first document that is to be repeated whole, may be now, and whose lanes are free."""
    if policy.can.key != "document":
        return None
    values = {"target": policy.target, "now": clock.now(), "limit": DOCUMENTS_MAX}
    for (document_id,) in conn.execute(AGAIN, values).fetchall():
        whole = _whole(conn, document_id, clock, held)
        if whole is not None:
            return whole
    return None


def _composed(
    conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, held: Lanes, share: Share
) -> Claimed | None:
    """A new document of what is due first: from the worker's own lanes, or from any when nothing is due there."""
    for asked in dict.fromkeys((share, EVERY_LANE)):
        while due := _due(conn, policy, clock, held, asked):
            chosen = _choose(due, policy)
            free = held.take(each.lane for each in chosen)
            lines = {each.line: each for each in chosen if each.lane in free}
            if lines:
                document = Document(tuple(sorted(lines, key=lambda line: (line.item, line.location))))
                return Claimed(document, {line.reference: lines[line].tries + 1 for line in document.lines})
    return None


def _due(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, held: Lanes, share: Share) -> list[Due]:
    values = {
        "target": policy.target, "now": clock.now(), "limit": 2 * policy.lines_max, "busy": held.busy,
        "share": share.number, "of": share.of, "compares": compares_nothing(policy),
        "repeats": policy.can.key == "document",
    }  # fmt: skip
    return [Due(Line(*row[:6]), *row[6:]) for row in conn.execute(DUE, values).fetchall()]


def _choose(due: list[Due], policy: TargetPolicy) -> list[Due]:
    chosen: list[Due] = []
    room = policy.lines_max
    for each in due:
        fits = max(1, policy.lines_max >> each.halvings)
        if len(chosen) < fits:
            chosen.append(each)
            room = min(room, fits)
            if len(chosen) >= room:
                break
    return chosen


def _whole(conn: psycopg.Connection, document_id: str, clock: Clock, held: Lanes) -> Claimed | None:
    """A document that can only be repeated as it was; None while one of its lines is not due, or a lane is not free."""
    rows = conn.execute(WHOLE, {"document": document_id, "now": clock.now()}).fetchall()
    lines = tuple(Line(*row[:6]) for row in rows)
    waiting = {row[0]: row[6] + 1 for row in rows if row[7] == "pending"}
    if not waiting or any(row[7] == "unknown" or (row[7] == "pending" and not row[8]) or row[9] for row in rows):
        return None
    if not held.take_items(line.item for line in lines):
        return None
    return Claimed(Document(lines), waiting)


def _commit(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock, worker: str, claimed: Claimed) -> bool:
    """False when somebody moved a line between reading and locking, or one has no reference to be sent by."""
    with conn.pipeline(), conn.transaction() as everything:
        lock_outbox(conn, policy.target)
        at = clock.now()
        document = claimed.document
        if not store_request(conn, policy, document, at):
            raise Rollback(everything)
        steps = [Step(reference) for reference in claimed.tries]
        lease_until = at + real(clock, policy.lease_s)
        claimed.deadline_at = at + real(clock, policy.call_s)
        # Between looking and having the lane another worker may have claimed of the item, and died.
        under_way = conn.execute(UNDER_WAY, (policy.target, [line.item for line in document.lines]))
        moved = transition_all(conn, steps, "pending", "sent", at=at, lease_until=lease_until, lease_holder=worker)
        if moved != claimed.tries.keys() or under_way.fetchone() is not None:
            raise Rollback(everything)
        conn.execute(
            ATTEMPTS,
            {"document": document.key, "target": policy.target, "lines": [line.reference for line in document.lines],
             "ids": list(claimed.tries), "tries": list(claimed.tries.values()), "at": at,
             "deadline": claimed.deadline_at},
        )  # fmt: skip
        if policy.can.key == "document":
            conn.execute(
                "update ops.outbox set document_id = %s where correction_id = any(%s)", (document.key, list(moved))
            )
        return True
    hold_unreferenced(conn, policy, clock.now())
    return False


UNDER_WAY = "select from ops.outbox where target = %s and item = any(%s) and state = 'sent' limit 1"
ATTEMPTS = """
insert into ops.push_attempts (correction_id, try_no, sent_at, deadline_at, document_id)
select correction_id, try_no, %(at)s, %(deadline)s, %(document)s
from unnest(%(ids)s::text[], %(tries)s::int[]) as t (correction_id, try_no)
order by correction_id
"""


def lines_of(conn: psycopg.Connection, document_id: str) -> tuple[Line, ...]:
    """The lines of a document as it was sent."""
    rows = conn.execute(
        "select o.correction_id, o.item, o.location, o.quantity, o.expected_version, o.shown "
        "from ops.push_documents d cross join unnest(d.lines) with ordinality as l (correction_id, position) "
        "inner join ops.outbox o using (correction_id) where d.document_id = %s order by l.position",
        (document_id,),
    ).fetchall()
    return tuple(Line(*row) for row in rows)
