"""Facts as a person decides about them: found by id, with what is told beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

PREFIX_MIN = 6
NO_TELLING = ("test", "quarantined", "echo")


@dataclass(frozen=True)
class Telling:
    """A resolved fact: what it says and what became of it. ``quantity`` is null of what could not be mapped."""

    fact_id: str
    source: str
    kind: str
    item: str | None
    location: str | None
    measure: str | None
    lot: str
    quantity: int | None
    cancel: bool
    recorded: str
    received_at: datetime
    line_key: str
    event_key: str
    revision: int
    disposition: str
    reason: str | None
    decided_by: str | None
    decision_id: str | None


_SELECT = """
select f.fact_id, f.source, f.kind, f.item, f.location, f.measure, f.lot, f.quantity, f.cancel, f.recorded,
       f.received_at, f.line_key, f.event_key, f.revision, d.disposition, d.reason, d.decided_by, d.decision_id
from staging.stg_facts f join intermediate.int_dispositions d using (fact_id)
"""
_STARTS = """
select x.fact_id from (
  select fact_id from intermediate.int_dispositions where disposition = 'conflict'
  union select decided_by from intermediate.int_dispositions where disposition = 'conflict'
  union select fact_id from canonical.verdicts where verdict in ('discrepancy', 'delay')) x
where starts_with(x.fact_id, %s) order by 1 limit 9
"""


def find(conn: psycopg.Connection, name: str) -> Telling:
    """The fact ``name``: its id or, of facts that are disputed, at least the first 6 characters.

    Raises:
        TerminalError: there is no such fact, or more than one.
    """
    if conn.execute("select to_regclass('intermediate.int_dispositions')").fetchone() == (None,):
        raise TerminalError("Nothing was resolved yet.", next_step="Let `resolve` run once.")
    found = [name] if tellings(conn, [name]) else []
    if not found and len(name) >= PREFIX_MIN:
        found = [str(row[0]) for row in conn.execute(_STARTS, (name,))]
    if len(found) != 1:
        what = f"{len(found)} disputed facts begin" if found else "No resolved fact begins"
        raise TerminalError(
            f"{what} with {name!r}.", next_step="Give the whole id; marts.fct_dispositions and ops.exceptions help.",
            fact_id=name,
        )  # fmt: skip
    return tellings(conn, found)[0]


def tellings(conn: psycopg.Connection, ids: Sequence[str]) -> list[Telling]:
    """The resolved facts of ``ids``, the first received first."""
    with conn.cursor(row_factory=class_row(Telling)) as cursor:
        return cursor.execute(
            _SELECT + 'where f.fact_id = any(%s) order by f.received_at, f.fact_id collate "C"', (list(ids),)
        ).fetchall()


def beside(conn: psycopg.Connection, telling: Telling) -> list[Telling]:
    """Every other telling of the line (in any revision) and of the event of ``telling``."""
    values = {**telling.__dict__, "none": list(NO_TELLING)}
    with conn.cursor(row_factory=class_row(Telling)) as cursor:
        return cursor.execute(
            f"""
            {_SELECT} where d.disposition <> all(%(none)s) and f.fact_id <> %(fact_id)s and f.fact_id in (
              select fact_id from staging.stg_facts
              where (line_key, source, location, measure) = (%(line_key)s, %(source)s, %(location)s, %(measure)s)
              union
              select fact_id from staging.stg_facts
              where %(kind)s = 'movement' and kind = 'movement'
                and (event_key, location, measure) = (%(event_key)s, %(location)s, %(measure)s))
            order by f.received_at, f.fact_id collate "C"
            """.encode(),
            values,
        ).fetchall()
