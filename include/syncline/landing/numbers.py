"""Which sequence numbers a source has told: ranges, as few as there are gaps, for sources that declare to have none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

# A poll overlaps the one before: most of them tell nothing new, and write nothing.
NOTE = """
insert into ops.sequences as s (source, seen, heard_at)
select %(source)s, %(seen)s::int8multirange, %(at)s::timestamptz
where exists (select from ops.current_sources c where c.source = %(source)s and c.sequence = 'gap_free')
on conflict (source) do update set seen = s.seen + excluded.seen, heard_at = excluded.heard_at
where not excluded.seen <@ s.seen
"""


def note_numbers(conn: psycopg.Connection, source: str, numbers: Iterable[int], at: datetime) -> None:
    """Add ``numbers`` to what ``source`` has told; nothing for a source whose sequence may have gaps."""
    seen = ",".join(f"[{first},{last + 1})" for first, last in ranges(numbers))
    if seen:
        conn.execute(NOTE, {"source": source, "seen": f"{{{seen}}}", "at": at})


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """``numbers`` as runs (first, last) of consecutive ones, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
