"""Decide numbers of the past by the real models: all of what was known, then only what was before an instant.

What was true at T, with what is known at K: the facts that count by K, cut at T, placed and summed by the same models.
A movement counts when it begins at or before T (as the default position of a statement at T has it, semantics §5), a
statement when its interval is over by then: one that only says its day may speak of what came after T. What K knows
about which facts count stays: a telling that lost, a statement that was stale, superseded or contradicted does not
come to life again because what decided it lies after T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.explain.keys import StockKey
from syncline.history.closure import Place, fact_ids
from syncline.history.knowledge import Knowledge
from syncline.history.published import Published
from syncline.history.scratch import carry
from syncline.resolve import dbt

if TYPE_CHECKING:
    import psycopg

# Neither decides a number: candidates ask the targets, checkpoints serve the next batch.
_LEFT_OUT = ("int_checkpoints", "candidate_corrections")
_AFTER = """
delete from intermediate.int_tellings t using intermediate.int_dispositions d
where d.fact_id = t.fact_id and not case t.kind
  when 'movement' then t.rec_from <= %(at)s and d.disposition in ('applied', 'absorbed')
  else t.rec_to <= %(at)s + interval '1 microsecond' and d.disposition = 'applied' end
"""
# Movements that begin at or before T and may end after it; statements that begin before it and are not over.
_UNSETTLED = """
select
  count(*) filter (where t.kind = 'movement')::integer as movements,
  coalesce(sum(t.delta) filter (where t.kind = 'movement' and t.delta < 0), 0)::bigint as out,
  coalesce(sum(t.delta) filter (where t.kind = 'movement' and t.delta > 0), 0)::bigint as into,
  count(*) filter (where t.kind = 'balance')::integer as statements
from intermediate.int_tellings t join intermediate.int_dispositions d using (fact_id)
where (t.item, t.location, t.measure, t.key_lot) = (%(item)s, %(location)s, %(measure)s, %(lot)s)
  and t.rec_from <= %(at)s and t.rec_to > %(at)s + interval '1 microsecond'
  and d.disposition in ('applied', 'absorbed')
"""


@dataclass(frozen=True)
class Unsettled:
    """What cannot be placed at an instant for sure: ``movements`` that count, and may have come after it.

    ``out`` and ``into`` are their negative and positive sums; ``statements`` that were left out may speak of it.
    """

    movements: int
    out: int
    into: int
    statements: int

    def __bool__(self) -> bool:
        return bool(self.movements or self.statements)


def derive(
    source: psycopg.Connection,
    scratch: psycopg.Connection,
    scratch_dsn: str,
    knowledge: Knowledge,
    target: Path,
    places: Sequence[Place] | None = None,
) -> None:
    """Fill the empty, migrated ``scratch`` (its owner's) with what ``knowledge`` makes of all facts, or of ``places``.

    Only the rows of ``places`` mean something there: their neighbours are decided from a part of their facts.

    Args:
        source: reads raw, ops and staging, inside a ``snapshot``.
        target: folder of dbt's files.
    Raises:
        WarehouseUnavailable, TerminalError: as ``dbt.run``.
    """
    facts = None if places is None else fact_ids(source, knowledge, places)
    carry(source, scratch, knowledge, facts)
    _run(scratch_dsn, target, "tag:resolve", *_LEFT_OUT)


def cut_at(scratch: psycopg.Connection, scratch_dsn: str, key: StockKey, instant: datetime, target: Path) -> Unsettled:
    """After ``derive``: let the numbers of the scratch database be those of ``instant``."""
    values = {
        "item": key.item, "location": key.location, "measure": key.measure, "lot": key.lot, "at": instant,
    }  # fmt: skip
    with scratch.cursor(row_factory=class_row(Unsettled)) as cursor:
        unsettled = cursor.execute(_UNSETTLED, values).fetchone()
    assert unsettled is not None
    scratch.execute(_AFTER, values)
    _run(scratch_dsn, target, "int_tellings+,tag:resolve", "int_tellings", *_LEFT_OUT)
    return unsettled


def number(conn: psycopg.Connection, key: StockKey) -> Published | None:
    """The row of ``canonical.balances``, or None when no fact makes the key."""
    with conn.cursor(row_factory=class_row(Published)) as cursor:
        return cursor.execute(
            "select quantity, quantity_lo as lo, quantity_hi as hi, is_ambiguous, base_fact from canonical.balances "
            "where (item, location, measure, lot) = (%s, %s, %s, %s)",
            (key.item, key.location, key.measure, key.lot),
        ).fetchone()


def _run(scratch_dsn: str, target: Path, selection: str, *left_out: str) -> None:
    dbt.run(scratch_dsn, ["run", "--full-refresh", "--select", selection, "--exclude", *left_out], target)
