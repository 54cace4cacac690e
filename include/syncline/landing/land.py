"""Write one load: all of it or nothing."""

from __future__ import annotations

from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from syncline.landing.copy_text import CONTENT_COLUMNS, PLACE_COLUMNS, Row, lines, rows
from syncline.landing.known import known_facts
from syncline.landing.model import Document, Load, LoadResult, document_id
from syncline.landing.numbers import note_numbers
from syncline.landing.troubles import open_troubles
from syncline.landing.warehouse_errors import warehouse_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

COPY_DOCUMENTS = """copy raw.documents (document_id, load_id, source, feed, name, content, sha256, size_bytes,
    received_at, status, fault_code, fault_detail, fault_position) from stdin (format binary)"""
DOCUMENT_TYPES = ("text", "int8", "text", "text", "text", "bytea", "text", "int8", "timestamptz", *["text"] * 4)
COPY_FACTS = f"""copy raw.facts (fact_id, {", ".join([*CONTENT_COLUMNS, *PLACE_COLUMNS])},
    document_id, load_id, source, feed, received_at) from stdin"""
INSERT_LOAD = """insert into raw.loads (load_id, source, feed, received_at, documents, facts)
    values (%s, %s, %s, %s, %s, %s)"""
CHANGE_FILE = """update ops.files set state = %s, sha256 = %s, document_id = %s, fault_code = %s, detail = %s,
    changed_at = %s where file_id = %s"""
# A first poll that did not reach the end has no complete poll before it: 'epoch' says never.
MOVE_CURSOR = """insert into ops.source_cursors as c (source, cursor, load_id, polled_at)
    values (%(source)s, coalesce(%(cursor)s::jsonb, '{}'), %(load_id)s::bigint,
            case when %(complete)s then %(at)s::timestamptz else 'epoch' end)
    on conflict (source) do update set cursor = coalesce(%(cursor)s::jsonb, c.cursor),
      load_id = coalesce(excluded.load_id, c.load_id),
      polled_at = case when %(complete)s then excluded.polled_at else c.polled_at end"""


class Stored(NamedTuple):
    """A document of the load and what is new in it."""

    document_id: str
    sha256: str
    document: Document
    rows: list[Row]


def land(conn: psycopg.Connection, load: Load) -> LoadResult:
    """Close ``load``: documents, facts, ``raw.loads``, cursor, file states and exceptions in one transaction.

    Facts that this source told before are dropped (a poll overlaps the one before); a document that is left with
    nothing new is not stored unless it ``is_kept``; a load without documents is not written, only the cursor moves.

    Args:
        conn: autocommit connection of the loader role.
    Raises:
        WarehouseUnavailable: Postgres is down or out of space; nothing of the load is visible.
    """
    with warehouse_errors(f"land a load of {load.source}"):
        told = [(document, rows(load.source, load.feed, document.facts)) for document in load.documents]
        known = known_facts(conn, load.source, load.received_at, (row for _, found in told for row in found))
        news = _News(load, known)
        stored = list(news.of(told))
        if stored or load.unseen:
            # Outside the transaction: creating a partition locks the whole table, and the lookup above reads it.
            conn.execute("select raw.ensure_partitions((%s at time zone 'UTC')::date)", [load.received_at])
        with conn.transaction():
            return _write(conn, load, stored, news)


class _News:
    """What a load tells that is not known: ``ids`` are of the facts that are, and grow with those that were new."""

    def __init__(self, load: Load, ids: set[str]) -> None:
        self._load = load
        self._ids = ids
        self.facts_known = 0

    def of(self, told: Iterable[tuple[Document, list[Row]]]) -> Iterator[Stored]:
        """The documents of ``told`` to store, each with its new rows."""
        source, feed = self._load.source, self._load.feed
        for document, found in told:
            fresh = self._fresh(found)
            if fresh or document.is_kept:
                digest = sha256(document.content).hexdigest()
                yield Stored(document_id(source, feed, document.name, digest), digest, document, fresh)

    def _fresh(self, found: list[Row]) -> list[Row]:
        ids = {row[0] for row in found}
        if len(ids) == len(found) and self._ids.isdisjoint(ids):
            self._ids |= ids
            return found
        fresh = []
        for row in found:
            if row[0] not in self._ids:
                self._ids.add(row[0])
                fresh.append(row)
        self.facts_known += len(found) - len(fresh)
        return fresh


def _write(conn: psycopg.Connection, load: Load, stored: list[Stored], news: _News) -> LoadResult:
    load_id = one(conn, "select nextval('raw.load_id_seq')") if stored or load.unseen else None
    if load_id is not None:
        stored = _copy_facts(conn, load, load_id, stored, news)
    facts = sum(len(entry.rows) for entry in stored)
    if stored:
        with conn.cursor() as cursor, cursor.copy(COPY_DOCUMENTS) as copy:
            copy.set_types(DOCUMENT_TYPES)
            for entry in stored:
                copy.write_row(_document_row(load, load_id, entry))
        conn.execute(INSERT_LOAD, [load_id, load.source, load.feed, load.received_at, len(stored), facts])
    else:
        load_id = None  # nothing new: no load, only the poll is noted
    _change_files(conn, load)
    open_troubles(conn, load.source, load.troubles, load.received_at)
    note_numbers(conn, load.source, load.numbers, load.received_at)
    if load.beside is not None:
        load.beside(conn)
    if load.is_poll:
        position = None if load.cursor is None else Jsonb(load.cursor)
        values = {"source": load.source, "cursor": position, "load_id": load_id, "complete": load.is_complete}
        conn.execute(MOVE_CURSOR, values | {"at": load.received_at})
    faults = sum(fact.fault_code is not None for entry in stored for *_, fact in entry.rows)
    return LoadResult(load_id, len(stored), facts - faults, faults, news.facts_known)


def _copy_facts(conn: psycopg.Connection, load: Load, load_id: int, stored: list[Stored], news: _News) -> list[Stored]:
    """Write the rows of ``stored`` and of what is new in ``load.unseen``; all documents to store."""
    unseen = ((document, rows(load.source, load.feed, document.facts)) for document in load.unseen)
    written = []
    # A block for each document: Postgres takes one while the next is read and rendered.
    with conn.cursor() as cursor, cursor.copy(COPY_FACTS) as copy:
        for entry in chain(stored, news.of(unseen)):
            copy.write(lines(entry.rows, entry.document_id, load_id, load.source, load.feed, load.received_at))
            written.append(entry)
    return written


def _document_row(load: Load, load_id: int | None, entry: Stored) -> tuple[Any, ...]:
    document = entry.document
    size = len(document.content) if document.size_bytes is None else document.size_bytes
    return (
        entry.document_id, load_id, load.source, load.feed, document.name, document.content, entry.sha256, size,
        load.received_at, document.status, document.fault_code, document.fault_detail, document.fault_position,
    )  # fmt: skip


def _change_files(conn: psycopg.Connection, load: Load) -> None:
    for change in load.files:
        document = load.documents[change.document]
        key = document_id(load.source, load.feed, document.name, sha256(document.content).hexdigest())
        conn.execute(
            CHANGE_FILE,
            [change.state, change.sha256, key, change.fault_code, change.detail, load.received_at, change.file_id],
        )


def one(conn: psycopg.Connection, statement: str) -> int:
    """The integer that ``statement`` answers."""
    row = conn.execute(statement).fetchone()
    if row is None:
        raise LookupError(statement)
    return int(row[0])
