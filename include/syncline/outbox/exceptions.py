"""Exceptions about candidates: keys that a target never showed, and books that no warehouse confirms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.exceptions import close_gone, open_from

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

_KEY = "concat_ws('/', c.target, c.item, c.location)"
_ABOUT = "jsonb_build_object('target', c.target, 'item', c.item, 'location', c.location, 'measure', 'on_hand') as about"
_MISSING = f"""
select 'no reading' as rule, {_KEY} as subject,
       c.target || ' has never shown this key; it should show ' || c.wanted as detail,
       'Create the item at the location in the target, or take the location out of its rules.' as next_step,
       {_ABOUT}, c.wanted::bigint as units, array['fact:' || c.fact_id] as evidence
from canonical.candidate_corrections c join ops.target_cursors k using (target)
where c.hold_reason = 'no reading'
"""
_UNCONFIRMED = f"""
select 'books.unconfirmed' as rule, {_KEY} as subject,
       c.target || ' should show ' || c.wanted || ', which no fact of a warehouse confirms' as detail,
       'Have the item counted at the location: the count is the fact that the books follow.' as next_step,
       {_ABOUT}, c.delta::bigint as units, '{{}}'::text[] as evidence
from canonical.candidate_corrections c
where c.fact_id is null and c.delta <> 0 and (c.event = 'books' or c.kind = 'delta')
"""
_IS_NAMED = f"exists (select from canonical.candidate_corrections c where {{}} and e.subject = {_KEY})"


def sync_missing_keys(conn: psycopg.Connection, batch_id: int, *, at: datetime) -> None:
    """One exception for each candidate of a target whose change list was read and never showed its key.

    Such a key gets no correction: there is no number to correct. It is closed when the target shows the key.
    """
    open_from(conn, _MISSING, {}, at=at, batch_id=batch_id)
    close_gone(conn, "e.rule = 'no reading' and " + _IS_NAMED.format("c.reading_no is not null"), {}, at=at)


def sync_unconfirmed(conn: psycopg.Connection, batch_id: int, *, at: datetime) -> None:
    """One exception for each candidate whose books no fact of a warehouse confirms; closed when one does.

    It happens to a key whose facts are all read otherwise by now and of which no correction followed a fact.
    """
    open_from(conn, _UNCONFIRMED, {}, at=at, batch_id=batch_id)
    close_gone(conn, "e.rule = 'books.unconfirmed' and " + _IS_NAMED.format("c.fact_id is not null"), {}, at=at)
