"""How a balance adds up: the base in force, the movements on top of it, those that are in it already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.explain.keys import StockKey

if TYPE_CHECKING:
    import psycopg

# A movement adds what the ledger booked for it. One that counts without an entry (the opening holds it, a later base
# does not) adds its quantity, or its difference to the revision before (semantics §4).
_MOVEMENTS = """
with found as (
  select
    s.fact_id, s.said_from, s.said_to, s.sequence, s.source, s.line_key, s.revision,
    coalesce(l.quantity, case when s.cancel then 0 else s.quantity end - coalesce((
      select case when p.cancel then 0 else p.quantity end
      from staging.stg_facts p join intermediate.int_dispositions pd using (fact_id)
      where (p.event_key, p.location, p.measure, p.source) = (s.event_key, s.location, s.measure, s.source)
        and p.revision < s.revision and pd.disposition in ('applied', 'absorbed')
      order by p.revision desc limit 1), 0)) as delta
  from intermediate.int_dispositions d
  join staging.stg_facts s using (fact_id)
  left join canonical.ledger l
    on (l.item, l.location, l.measure, l.lot, l.fact_id) = (d.item, d.location, d.measure, d.lot, d.fact_id)
  where (d.item, d.location, d.measure, d.lot) = (%(item)s, %(location)s, %(measure)s, %(lot)s)
    and d.kind = 'movement' and d.disposition = %(disposition)s
),
summed as (
  select f.*,
    sum(delta) over (order by said_from, said_to, sequence nulls first, source collate "C", line_key collate "C",
      revision, fact_id collate "C" rows between unbounded preceding and current row)::bigint as running,
    count(*) over () as count,
    sum(delta) over ()::bigint as total
  from found f
)
select fact_id, delta::bigint, running, count, total from summed
order by said_from desc, said_to desc, sequence desc nulls last, source collate "C" desc, line_key collate "C" desc,
  revision desc, fact_id collate "C" desc
limit %(limit)s
"""


@dataclass(frozen=True)
class Balance:
    """A row of ``canonical.balances``; ``lo`` and ``hi`` are null without a base (semantics §5)."""

    quantity: int
    lo: int | None
    hi: int | None
    is_ambiguous: bool
    base_fact: str | None
    batch_id: int


@dataclass(frozen=True)
class Movement:
    """What one movement adds. ``running``: the sum of all of its kind up to it; ``count``, ``total``: of all."""

    fact_id: str
    delta: int
    running: int
    count: int
    total: int


@dataclass(frozen=True)
class Numbers:
    """``on_top`` and ``absorbed`` hold the latest movements, in order of time; their ``count`` says how many exist."""

    balance: Balance | None
    on_top: list[Movement]
    absorbed: list[Movement]

    @property
    def moved(self) -> int:
        """Sum of all movements on top."""
        return self.on_top[0].total if self.on_top else 0


def read_numbers(conn: psycopg.Connection, key: StockKey, *, on_top_max: int, absorbed_max: int) -> Numbers:
    """The balance of ``key`` and what it is made of; work grows with the movements of the key."""
    values = {"item": key.item, "location": key.location, "measure": key.measure, "lot": key.lot}
    with conn.cursor(row_factory=class_row(Balance)) as cursor:
        balance = cursor.execute(
            "select quantity, quantity_lo as lo, quantity_hi as hi, is_ambiguous, base_fact, batch_id "
            "from canonical.balances "
            "where (item, location, measure, lot) = (%(item)s, %(location)s, %(measure)s, %(lot)s)",
            values,
        ).fetchone()
    with conn.cursor(row_factory=class_row(Movement)) as cursor:
        found = {
            disposition: cursor.execute(_MOVEMENTS, values | {"disposition": disposition, "limit": limit}).fetchall()
            for disposition, limit in (("applied", on_top_max), ("absorbed", absorbed_max))
        }
    return Numbers(balance, found["applied"][::-1], found["absorbed"][::-1])
