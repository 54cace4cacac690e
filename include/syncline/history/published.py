"""What every release published: written in its transaction, read by whoever asks what was said then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.rows import class_row

if TYPE_CHECKING:
    import psycopg

NUMBERS = "quantity, quantity_lo, quantity_hi, is_ambiguous, base_fact"
# The cells of the batch, found by index on both sides: the newest row of each key that was ever published, lot by lot
# (a key that vanished is in no other table), against the balances as they are now.
_RECORD = f"""
with here as (
  select b.* from intermediate.int_touched_cells c
  cross join lateral (
    select x.* from canonical.balances x
    where (x.item, x.location, x.measure) = (c.item, c.location, c.measure) offset 0) b
),
before as (
  select p.* from intermediate.int_touched_cells c
  cross join lateral (
    with recursive lots as (
      (select min(x.lot) as lot from ops.published_balances x
       where (x.item, x.location, x.measure) = (c.item, c.location, c.measure))
      union all
      select (select min(x.lot) from ops.published_balances x
              where (x.item, x.location, x.measure) = (c.item, c.location, c.measure) and x.lot > l.lot)
      from lots l where l.lot is not null)
    select lot from lots where lot is not null) l
  cross join lateral (
    select x.* from ops.published_balances x
    where (x.item, x.location, x.measure, x.lot) = (c.item, c.location, c.measure, l.lot)
    order by x.batch_id desc limit 1) p
)
insert into ops.published_balances (batch_id, item, location, measure, lot, {NUMBERS}, is_gone)
select %(batch)s, item, location, measure, lot, h.quantity, h.quantity_lo, h.quantity_hi, h.is_ambiguous, h.base_fact,
  h.quantity is null
from here h full join before p using (item, location, measure, lot)
where (h.quantity, h.quantity_lo, h.quantity_hi, h.is_ambiguous, h.base_fact)
  is distinct from (p.quantity, p.quantity_lo, p.quantity_hi, p.is_ambiguous, p.base_fact)
"""
_STATE = f"""
select item, location, measure, lot, {NUMBERS} from (
  select distinct on (item, location, measure, lot) * from ops.published_balances
  where batch_id <= %(batch)s order by item, location, measure, lot, batch_id desc) p
where not is_gone
"""
_HASH = """
select encode(sha256(coalesce(string_agg(sha256(convert_to(to_jsonb(t)::text, 'UTF8')), ''
  order by item collate "C", location collate "C", measure collate "C", lot collate "C"), '')), 'hex')
from ({rows}) t
"""


@dataclass(frozen=True)
class Published:
    """The numbers of one stock key; ``lo`` and ``hi`` are null without a base."""

    quantity: int
    lo: int | None
    hi: int | None
    is_ambiguous: bool
    base_fact: str | None


def record_published(conn: psycopg.Connection, batch_id: int) -> int:
    """Append what the release of ``batch_id`` changes; call it in its transaction. Returns the number of rows.

    A key whose numbers are those of its newest row gets none: work and size grow with what changed.
    """
    if conn.execute(
        "select to_regclass('canonical.balances') is null or to_regclass('intermediate.int_touched_cells') is null"
    ).fetchone() == (True,):
        return 0
    return conn.execute(_RECORD.encode(), {"batch": batch_id}).rowcount


def published(
    conn: psycopg.Connection, batch_id: int, item: str, location: str, measure: str, lot: str
) -> Published | None:
    """What stood published of a key after ``batch_id``; None: no number, or none was recorded by then."""
    with conn.cursor(row_factory=class_row(Published)) as cursor:
        return cursor.execute(
            "select quantity, quantity_lo as lo, quantity_hi as hi, is_ambiguous, base_fact from ("
            "  select * from ops.published_balances"
            "  where (item, location, measure, lot) = (%s, %s, %s, %s) and batch_id <= %s"
            "  order by batch_id desc limit 1) p where not is_gone",
            (item, location, measure, lot, batch_id),
        ).fetchone()


def is_recorded(conn: psycopg.Connection, batch_id: int) -> bool:
    """Whether publications were recorded when ``batch_id`` was released."""
    row = conn.execute("select exists (select from ops.published_balances where batch_id <= %s)", (batch_id,))
    return row.fetchone() == (True,)


def published_hash(conn: psycopg.Connection, batch_id: int) -> str:
    """One hash over every number that stood published after ``batch_id``."""
    return _hash(conn, _STATE, batch_id)


def canonical_hash(conn: psycopg.Connection) -> str:
    """The same hash over ``canonical.balances`` as it stands."""
    return _hash(conn, f"select item, location, measure, lot, {NUMBERS} from canonical.balances", 0)


def _hash(conn: psycopg.Connection, rows: str, batch_id: int) -> str:
    row = conn.execute(sql.SQL(_HASH).format(rows=sql.SQL(rows)), {"batch": batch_id}).fetchone()
    assert row is not None
    digest: str = row[0]
    return digest
