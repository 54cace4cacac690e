"""Write one load: all of it or nothing."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from syncline.landing.copy_text import CONTENT_COLUMNS, Row, lines, rows
from syncline.landing.known import known_facts
from syncline.landing.model import Document, Load, LoadResult, document_id
from syncline.landing.troubles import open_troubles
from syncline.landing.warehouse_errors import warehouse_errors

if TYPE_CHECKING:
    import psycopg

COPY_DOCUMENTS = """copy raw.documents (document_id, load_id, source, feed, name, content, sha256, size_bytes,
    received_at, status, fault_code, fault_detail, fault_position) from stdin"""
COPY_FACTS = f"""copy raw.facts (fact_id, {", ".join(CONTENT_COLUMNS)}, position, reading,
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

Stored = tuple[str, str, Document, list[Row]]  # document id, sha256, document, its new facts


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
        stored, known = _new_documents(conn, load)
        if stored:
            # Outside the transaction: creating a partition locks the whole table, and the lookup above reads it.
            conn.execute("select raw.ensure_partitions((%s at time zone 'UTC')::date)", [load.received_at])
        with conn.transaction():
            return _write(conn, load, stored, known)


def _new_documents(conn: psycopg.Connection, load: Load) -> tuple[list[Stored], int]:
    source, feed = load.source, load.feed
    told = [rows(source, feed, document.facts) for document in load.documents]
    seen = known_facts(conn, source, load.received_at, (row for each in told for row in each))
    stored: list[Stored] = []
    known = 0
    for document, each in zip(load.documents, told, strict=True):
        fresh: list[Row] = []
        for row in each:
            if row.fact_id in seen:
                known += 1
            else:
                seen.add(row.fact_id)
                fresh.append(row)
        if fresh or document.is_kept:
            digest = sha256(document.content).hexdigest()
            stored.append((document_id(source, feed, document.name, digest), digest, document, fresh))
    return stored, known


def _write(conn: psycopg.Connection, load: Load, stored: list[Stored], known: int) -> LoadResult:
    load_id = None
    facts = sum(len(fresh) for *_, fresh in stored)
    if stored:
        load_id = _one(conn, "select nextval('raw.load_id_seq')")
        with conn.cursor() as cursor, cursor.copy(COPY_DOCUMENTS) as copy:
            for entry in stored:
                copy.write_row(_document_row(load, load_id, *entry[:3]))
        # A block for each document: Postgres works on one while the next is rendered.
        with conn.cursor() as cursor, cursor.copy(COPY_FACTS) as copy:
            for document_key, _, _, fresh in stored:
                copy.write(lines(fresh, document_key, load_id, load.source, load.feed, load.received_at))
        conn.execute(
            INSERT_LOAD,
            [load_id, load.source, load.feed, load.received_at, len(stored), facts],
        )
    _change_files(conn, load)
    open_troubles(conn, load.troubles, load.received_at)
    position = None if load.cursor is None else Jsonb(load.cursor)
    values = {"source": load.source, "cursor": position, "load_id": load_id, "complete": load.is_complete}
    conn.execute(MOVE_CURSOR, values | {"at": load.received_at})
    faults = sum(row.fact.fault_code is not None for *_, fresh in stored for row in fresh)
    return LoadResult(load_id, len(stored), facts - faults, faults, known)


def _document_row(load: Load, load_id: int, document_key: str, digest: str, document: Document) -> tuple[Any, ...]:
    size = len(document.content) if document.size_bytes is None else document.size_bytes
    return (
        document_key, load_id, load.source, load.feed, document.name, document.content, digest, size, load.received_at,
        document.status, document.fault_code, document.fault_detail, document.fault_position,
    )  # fmt: skip


def _change_files(conn: psycopg.Connection, load: Load) -> None:
    for change in load.files:
        document = load.documents[change.document]
        key = document_id(load.source, load.feed, document.name, sha256(document.content).hexdigest())
        conn.execute(
            CHANGE_FILE,
            [change.state, change.sha256, key, change.fault_code, change.detail, load.received_at, change.file_id],
        )


def _one(conn: psycopg.Connection, statement: str) -> int:
    row = conn.execute(statement).fetchone()
    if row is None:
        raise LookupError(statement)
    return int(row[0])
