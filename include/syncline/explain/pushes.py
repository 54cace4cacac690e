"""What the targets show of a key, what was last sent to them, and what waits for a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from syncline.explain.keys import StockKey

if TYPE_CHECKING:
    import psycopg

# Of each target: its newest reading, what it should show, and the newest correction with its state at that time.
_CORRECTIONS = """
with targets as (
  select target from ops.target_cursors
  union select target from ops.target_versions where (item, location) = (%(item)s, %(location)s)
)
select t.target, r.quantity as shows, r.read_at, v.wanted as should_show,
  o.correction_id, o.kind, o.quantity, o.shown as from_number, o.wanted as to_number, o.created_at,
  h.to_state as state, h.reason, h.tries, h.moved_at as changed_at,
  k.reason as hold, k.held_by, k.held_until
from targets t
left join lateral (
  select * from ops.target_readings x where (x.target, x.item, x.location) = (t.target, %(item)s, %(location)s)
    and x.read_at <= %(until)s order by x.reading_no desc limit 1) r on true
left join lateral (
  select x.wanted from ops.target_versions x join ops.batches b using (batch_id)
  where (x.target, x.item, x.location) = (t.target, %(item)s, %(location)s)
    and coalesce(b.released_as_of, b.as_of) <= %(until)s order by x.version desc limit 1) v on true
left join lateral (
  select * from ops.outbox x where (x.target, x.item, x.location) = (t.target, %(item)s, %(location)s)
    and x.created_at <= %(until)s
  order by x.created_at desc, x.to_version desc, x.reading_no desc limit 1) o on true
left join lateral (
  select * from ops.outbox_history x where x.correction_id = o.correction_id and x.moved_at <= %(until)s
  order by x.move_id desc limit 1) h on true
left join lateral (
  select * from ops.current_key_holds x
  where (x.item, x.location) = (%(item)s, %(location)s) and x.target in ('*', t.target) and x.held_at <= %(until)s
  order by x.target desc limit 1) k on true
order by t.target
"""
# Subjects name a key, a key at a target, or a correction of the key (docs: codes).
_TROUBLES = """
select e.rule, e.subject, e.detail, e.next_step, e.opened_at
from ops.exceptions e
cross join lateral (
  select c.to_state as state from ops.exception_changes c
  where c.exception_id = e.exception_id and c.changed_at <= %(until)s order by c.version desc limit 1) was
where was.state <> 'resolved' and (
  e.subject = concat_ws('/', %(item)s::text, %(location)s::text, %(measure)s::text)
  or starts_with(e.subject, concat_ws('/', %(item)s::text, %(location)s::text, %(measure)s::text, ''))
  or e.subject in (
    select t.target || s.mark || %(item)s || s.mark || %(location)s
    from ops.target_cursors t cross join (values ('/'), (' ')) s (mark))
  or e.subject in (
    select o.correction_id from ops.outbox o where (o.item, o.location) = (%(item)s, %(location)s)))
order by e.opened_at, e.rule, e.subject
"""


@dataclass(frozen=True)
class Correction:
    """A target's view of the key and the newest correction of it; everything but ``target`` may be null."""

    target: str
    shows: int | None
    read_at: datetime | None
    should_show: int | None
    correction_id: str | None
    kind: str | None
    quantity: int | None
    from_number: int | None
    to_number: int | None
    created_at: datetime | None
    state: str | None
    reason: str | None
    tries: int | None
    changed_at: datetime | None
    hold: str | None
    held_by: str | None
    held_until: datetime | None

    def as_json(self) -> dict[str, Any]:
        return _plain(asdict(self))


@dataclass(frozen=True)
class Trouble:
    """An exception that was open."""

    rule: str
    subject: str
    detail: str
    next_step: str
    opened_at: datetime

    def as_json(self) -> dict[str, Any]:
        return _plain(asdict(self))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _values(key: StockKey, as_of: datetime | None) -> dict[str, Any]:
    return {"item": key.item, "location": key.location, "measure": key.measure, "until": as_of or "infinity"}


def corrections(conn: psycopg.Connection, key: StockKey, as_of: datetime | None) -> list[Correction]:
    """One row for each target that was ever read or told of the key, in the order of their names."""
    with conn.cursor(row_factory=class_row(Correction)) as cursor:
        return cursor.execute(_CORRECTIONS, _values(key, as_of)).fetchall()


def troubles(conn: psycopg.Connection, key: StockKey, as_of: datetime | None) -> list[Trouble]:
    """The exceptions about ``key``, its corrections, or itself at a target, the oldest first."""
    with conn.cursor(row_factory=class_row(Trouble)) as cursor:
        return cursor.execute(_TROUBLES, _values(key, as_of)).fetchall()
