"""Dead letters: corrections that ended without effect for a reason to look at, and having their keys computed anew.

A dead letter is never sent again: its number may be out of date, and its id is its content. A re-drive counts one more
version of the number that the key should show, so that the next release computes a correction of its own (ADR 0023).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from syncline.errors import TerminalError
from syncline.outbox.breaker_desk import BY_MAX, NOTE_MAX, require
from syncline.outbox.queue import queue_keys
from syncline.outbox.transitions import lock_outbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

ROWS_MAX = 1000
REDRIVEN = "re-driven"


@dataclass(frozen=True)
class Filter:
    """Which dead letters; what is None is not asked. ``ids``: ids or their beginnings (6 characters and more)."""

    ids: Sequence[str] = ()
    target: str | None = None
    reason: str | None = None
    item: str | None = None
    location: str | None = None
    since: datetime | None = None

    @property
    def says_nothing(self) -> bool:
        return not self.ids and {self.target, self.reason, self.item, self.location, self.since} == {None}


@dataclass(frozen=True)
class DeadLetter:
    """``cause``: refused, unproven or denied; ``fact_id`` and ``correlation_id``: what it followed (`syncline trace`).

    ``is_last``: no later correction of its key was written. ``redriven_by``, ``became``: who had it computed anew, and
    the correction that came of it, if any.
    """

    correction_id: str
    target: str
    item: str
    location: str
    shown: int
    wanted: int
    cause: str
    reason: str
    tries: int
    closed_at: datetime
    batch_id: int
    fact_id: str | None
    correlation_id: str | None
    is_last: bool
    redriven_by: str | None
    became: str | None


@dataclass
class Redriven:
    """``done``: their keys were queued, or would be; ``left``: id -> why it was not."""

    done: list[DeadLetter] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


_LETTERS = """
select o.correction_id, o.target, o.item, o.location, o.shown, o.wanted,
       case when o.reason like 'refused%%' then 'refused' when o.reason like 'denied%%' then 'denied'
            else 'unproven' end as cause,
       coalesce(o.reason, '') as reason, o.tries, o.closed_at, o.batch_id, o.fact_id, o.correlation_id,
       not exists (select from ops.outbox x where (x.target, x.item, x.location) = (o.target, o.item, o.location)
                   and (x.to_version, x.reading_no) > (o.to_version, o.reading_no)) as is_last,
       r.redriven_by,
       (select x.correction_id from ops.outbox x
        where (x.target, x.item, x.location) = (o.target, o.item, o.location) and x.to_version >= r.to_version
        order by x.to_version, x.reading_no, x.correction_id limit 1) as became
from ops.outbox o left join ops.outbox_redrives r using (correction_id)
where o.state = 'dead' and o.reason not in ('superseded', 'stale')
  and (%(target)s::text is null or o.target = %(target)s) and (%(item)s::text is null or o.item = %(item)s)
  and (%(location)s::text is null or o.location = %(location)s)
  and (%(reason)s::text is null or position(%(reason)s in o.reason) > 0)
  and (%(since)s::timestamptz is null or o.closed_at >= %(since)s)
  and (%(ids)s::text[] = '{}' or exists (select from unnest(%(ids)s::text[]) i (id)
       where length(i.id) >= 6 and starts_with(o.correction_id, i.id)))
order by o.target, o.item, o.location, o.closed_at, o.correction_id limit %(limit)s
"""


def dead_letters(conn: psycopg.Connection, which: Filter | None = None, limit: int = ROWS_MAX) -> list[DeadLetter]:
    """The dead letters of ``which``, in order of key."""
    which = which or Filter()
    values: dict[str, Any] = {**vars(which), "ids": list(which.ids), "limit": limit}
    with conn.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(_LETTERS.encode(), values).fetchall()


def redrive(
    conn: psycopg.Connection, which: Filter, *, by: str, why: str, at: datetime, limit: int = 500, dry_run: bool = False
) -> Redriven:
    """Have the keys of dead letters computed anew; each letter once.

    Left alone is a letter that is not its key's last one, whose key has a correction open, or that was re-driven.

    Args:
        conn: role publisher, autocommit.
        limit: at most so many in one run.

    Raises:
        TerminalError: no filter at all, no name, or no reason.
    """
    require(by, "Who decides", "by", BY_MAX)
    require(why, "The reason", "why", NOTE_MAX)
    if which.says_nothing:
        raise TerminalError(
            "Which dead letters?", next_step="Give ids, or --target, --reason, --item, --location or --since."
        )
    told = Redriven()
    with conn.transaction(force_rollback=dry_run):
        for (target,) in conn.execute("select distinct target from ops.outbox order by 1").fetchall():
            if which.target in (None, target):
                lock_outbox(conn, target)
        for letter in dead_letters(conn, which):
            if len(told.done) >= limit:
                told.left[letter.correction_id] = f"more than {limit} at once"
            elif why_not := _obstacle(conn, letter):
                told.left[letter.correction_id] = why_not
            else:
                _compute_anew(conn, letter, by, why, at)
                told.done.append(letter)
    return told


def _obstacle(conn: psycopg.Connection, letter: DeadLetter) -> str | None:
    if letter.redriven_by is not None:
        return f"re-driven by {letter.redriven_by} before"
    if not letter.is_last:
        return "a later correction of its key was written"
    opened = conn.execute(
        "select state from ops.outbox where (target, item, location) = (%s, %s, %s) "
        "and state in ('pending', 'held', 'sent', 'unknown', 'rejected')",
        (letter.target, letter.item, letter.location),
    ).fetchone()
    return f"a correction of its key is {opened[0]}" if opened else None


def _compute_anew(conn: psycopg.Connection, letter: DeadLetter, by: str, why: str, at: datetime) -> None:
    key = (letter.target, letter.item, letter.location)
    # Asked for once more: the same number, another version. A reading would claim that the target was read.
    row = conn.execute(
        """
        insert into ops.target_versions (target, item, location, version, wanted, batch_id)
        select v.target, v.item, v.location, v.version + 1, v.wanted,
               (select max(b.batch_id) from ops.batches b where b.state = 'released')
        from ops.target_versions v where (v.target, v.item, v.location) = (%s, %s, %s)
        order by v.version desc limit 1 returning version
        """,
        key,
    ).fetchone()
    assert row is not None, "a correction has a version"
    conn.execute(
        "insert into ops.outbox_redrives values (%s, %s, %s, %s, %s)", (letter.correction_id, row[0], at, by, why)
    )
    queue_keys(conn, [key], REDRIVEN, at)
