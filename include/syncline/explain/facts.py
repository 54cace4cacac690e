"""Facts as a person reads them: what was said, when, by whom, where it stands in which document, what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from syncline.explain.times import Times
from syncline.explain.words import signed, why

if TYPE_CHECKING:
    import psycopg

NAME_MAX = 32
# Every row is looked up by its id. A document received twice has two rows, a place that was read again two facts.
_DETAILS = """
select s.fact_id, s.source, s.kind, s.quantity, s.cancel, s.revision, s.quantity_as_written as written, s.uom,
  s.said_from, s.said_to, s.recorded, s.received_at, s.line_key, s.event_key, s.sequence,
  coalesce(d.disposition, 'waits') as disposition, d.reason, d.decided_by,
  s.document_id, n.name as document, s.position, r.reading
from staging.stg_facts s
left join intermediate.int_dispositions d using (fact_id)
left join lateral (
  select x.name from raw.documents x where x.document_id = s.document_id order by x.received_at limit 1) n on true
left join lateral (
  select x.reading from raw.facts x
  where (x.fact_id, x.document_id, x.position) = (s.fact_id, s.document_id, s.position)
  order by x.load_id desc limit 1) r on true
where s.fact_id = any(%s)
"""


@dataclass(frozen=True)
class Told:
    """One fact. ``quantity`` is in base units (null when quarantined), ``written`` and ``uom`` as the source said it.

    ``said_from`` and ``said_to`` bound the time it speaks of, half-open; ``recorded`` is that time as written.
    ``reading`` names the parser or mapping that read the document, ``position`` the place in it.
    """

    fact_id: str
    source: str
    kind: str
    quantity: int | None
    cancel: bool
    revision: int
    written: str
    uom: str | None
    said_from: datetime | None
    said_to: datetime | None
    recorded: str
    received_at: datetime
    line_key: str
    event_key: str
    sequence: int | None
    disposition: str
    reason: str | None
    decided_by: str | None
    document_id: str
    document: str | None
    position: str
    reading: str | None

    def says(self) -> str:
        """``−5``, ``= 100``, ``taken back``."""
        if self.cancel:
            return "taken back"
        number = self.written if self.quantity is None else f"{self.quantity}"
        if self.kind == "balance":
            return f"= {number}"
        return signed(self.quantity) if self.quantity is not None else number

    def when(self, times: Times) -> str:
        return times.span(self.said_from, self.said_to) if self.said_from else self.recorded

    def why(self) -> str:
        return why(self.disposition, self.reason)

    def place(self) -> str:
        """The document's name, or the beginning of its id where the name is a long request, and the place in it."""
        name = self.document if self.document and len(self.document) <= NAME_MAX else self.document_id[:12]
        return f"{name} {self.position}"

    def as_json(self) -> dict[str, Any]:
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }


def facts(conn: psycopg.Connection, ids: Iterable[str | None]) -> dict[str, Told]:
    """The facts of ``ids`` that are staged, by id."""
    wanted = sorted({each for each in ids if each})
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return {fact.fact_id: fact for fact in cursor.execute(_DETAILS, (wanted,))}
