"""The facts that an open exception is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.errors import TerminalError

if TYPE_CHECKING:
    import psycopg

# The subject of each is its key (resolve/exceptions.py); of a report, the latest one speaks.
_KEYS = """
with keys as (
  select distinct item, location, measure from canonical.balances
  where starts_with(%(subject)s, concat_ws('/', item, location, measure)))
"""
_FACTS = {
    "conflict": """
      select d.fact_id from keys k join intermediate.int_dispositions d using (item, location, measure)
      where d.disposition = 'conflict' and d.decision_id is null
        and %(subject)s = concat_ws('/', item, location, measure) order by d.fact_id collate "C" """,
    "discrepancy": """
      select fact_id from (
        select distinct on (v.lot) v.* from keys k join canonical.verdicts v using (item, location, measure)
        where %(subject)s = concat_ws('/', item, location, measure, nullif(v.lot, ''))
        order by v.lot, v.reported_from desc, v.reported_to desc, v.fact_id desc) l
      where verdict in ('discrepancy', 'delay') """,
    "discontinued_item_moved": """
      select f.fact_id from keys k join ops.current_items i using (item)
      join staging.stg_facts f using (item, location, measure)
      where f.kind = 'movement' and f.said_from >= i.discontinued_from
        and %(subject)s = concat_ws('/', item, location, measure) order by f.fact_id collate "C" """,
}


def is_answered(rule: str) -> bool:
    """Whether accepting an exception of ``rule`` is a decision about facts."""
    return rule in _FACTS


def facts_of(conn: psycopg.Connection, exception_id: int) -> list[str]:
    """Facts that would have to be accepted to close the exception.

    Raises:
        TerminalError: no such exception is open, or its rule is not one that a decision answers.
    """
    row = conn.execute(
        "select rule, subject from ops.exceptions where exception_id = %s and state <> 'resolved'", (exception_id,)
    ).fetchone()
    if row is None:
        raise TerminalError(f"Exception {exception_id} is not open.", next_step="List them: syncline exceptions list.")
    rule, subject = str(row[0]), str(row[1])
    if rule not in _FACTS:
        raise TerminalError(
            f"Exception {exception_id} ({rule}) asks for no decision.", next_step="Follow its next_step."
        )
    return [str(fact) for (fact,) in conn.execute((_KEYS + _FACTS[rule]).encode(), {"subject": subject})]
