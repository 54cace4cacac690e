"""What is left of a file to land: tests and duplicates are taken out, conflicts are kept out with a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from syncline.edi import Finding

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.edi import Reading, SetReading

State = Literal["accepted", "rejected", "duplicate", "conflict", "test"]
CONFLICTS = frozenset({"interchange_conflict", "set_conflict"})

# The first finding of a set in conflict is its conflict: it is told again word for word. What was known by the bytes
# of its file is judged by them again: the file it repeats may be refused now.
_RECORDED = """select s.offset_bytes, s.state, coalesce(s.finding_code, ''), coalesce(s.finding_message, '')
    from ops.edi_sets s join ops.edi_interchanges i using (interchange_id)
    join raw.documents d on d.document_id = i.document_id and d.received_at = i.received_at
    where i.source = %s and i.document_id = %s and i.received_at = %s and s.state in ('duplicate', 'conflict')
      and d.fault_code is distinct from 'file_duplicate'"""


class Told(NamedTuple):
    """Why a set is kept out: ``duplicate``, or ``conflict`` with the code and text of its finding."""

    state: State
    code: str
    message: str


def recorded(conn: psycopg.Connection, source: str, document_id: str, received_at: datetime) -> dict[int, Told]:
    """What the register says of a stored file: byte of a set's opener -> why it was kept out.

    Empty for one that came before there was a register. What came later never changes it.
    """
    rows = conn.execute(_RECORDED, [source, document_id, received_at])
    return {row[0]: Told(*row[1:]) for row in rows}


class Left(NamedTuple):
    """``reading`` of what may be landed; ``is_repeated``: nothing is left, because it was told before."""

    reading: Reading
    is_repeated: bool


def production(reading: Reading, told: Mapping[int, Told]) -> Left:
    """``reading`` without tests and duplicates; sets in conflict are rejected. Their facts are gone."""
    kept = [each for each in reading.sets if _is_kept(each, told)]
    gone = {id(each.taken.interchange) for each in reading.sets} - {id(each.taken.interchange) for each in kept}
    around = [each for each in reading.interchanges if id(each) not in gone and not each.is_test]
    left = replace(reading, sets=kept, interchanges=around)
    is_repeated = not kept and any(each.state == "duplicate" for each in told.values())
    return Left(left, is_repeated and not any(found.severity == "error" for found in left.findings))


def _is_kept(each: SetReading, told: Mapping[int, Told]) -> bool:
    taken = each.taken
    if taken.interchange.is_test:
        each.facts.clear()
        return False
    known = told.get(taken.opener.offset)
    if known is None:
        return True
    each.facts.clear()
    if known.state == "duplicate":
        return False
    opener = taken.opener
    found = Finding(
        known.code, known.message, "set", opener.number, opener.id[:10], None, None, opener.offset, 1,
        taken.interchange.control, taken.group.control, taken.control,
    )  # fmt: skip
    taken.findings.lead(found)
    return True
