"""Close a load that reads stored documents again. Insert-only: the earlier readings stay as evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from syncline.landing.copy_text import Row, lines
from syncline.landing.land import COPY_FACTS, INSERT_LOAD, one
from syncline.landing.model import Document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

COPY_READINGS = """copy ops.readings (document_id, received_at, load_id, reading, status, fault_code, fault_detail,
    fault_position, requested_at, requested_by) from stdin"""


class ReadAgain(NamedTuple):
    """A stored document (``document_id``, ``received_at``), what it says now, and its facts that count."""

    document_id: str
    received_at: datetime
    feed: str
    reading: str
    document: Document
    facts: Sequence[Row]


@dataclass
class ReadingsLoad:
    """An open load of ``source``: ``add`` documents, then ``close`` it, in one transaction of the loader's ``conn``.

    Facts get the ``received_at`` of their document: when it was read again is no part of what was said.
    """

    conn: psycopg.Connection
    source: str
    at: datetime
    by: str
    documents: int = 0
    facts: int = 0
    _last: datetime | None = None
    _feed: str = ""
    load_id: int = field(init=False)

    def __post_init__(self) -> None:
        self.load_id = one(self.conn, "select nextval('raw.load_id_seq')")

    def add(self, readings: Sequence[ReadAgain]) -> None:
        """Write the facts and the reading of each document."""
        with self.conn.cursor() as cursor, cursor.copy(COPY_FACTS) as copy:
            for each in readings:
                copy.write(lines(each.facts, each.document_id, self.load_id, self.source, each.feed, each.received_at))
        with self.conn.cursor() as cursor, cursor.copy(COPY_READINGS) as copy:
            for each in readings:
                said = each.document
                copy.write_row((
                    each.document_id, each.received_at, self.load_id, each.reading, said.status, said.fault_code,
                    said.fault_detail, said.fault_position, self.at, self.by,
                ))  # fmt: skip
        self.documents += len(readings)
        self.facts += sum(len(each.facts) for each in readings)
        for each in readings:
            self._last = max(self._last or each.received_at, each.received_at)
            self._feed = each.feed

    def close(self) -> None:
        """Make the load visible. It is as old as its newest document: a silent source must not look alive."""
        self.conn.execute(INSERT_LOAD, [self.load_id, self.source, self._feed, self._last, self.documents, self.facts])
