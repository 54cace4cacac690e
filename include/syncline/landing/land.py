"""Write one load: all of it or nothing."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from syncline.landing.known import known_facts
from syncline.landing.model import Document, Fact, Load, LoadResult, document_id, fact_id
from syncline.landing.troubles import open_troubles
from syncline.landing.warehouse_errors import warehouse_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

COPY_DOCUMENTS = """copy raw.documents (document_id, load_id, source, feed, name, content, sha256, size_bytes,
    received_at, status, fault_code, fault_detail, fault_position) from stdin"""
COPY_FACTS = """copy raw.facts (fact_id, load_id, document_id, source, feed, received_at,
    kind, item_ref, location_ref, status_ref, uom, quantity, recorded, line_key, event_key, position, reading,
    lot, revision, cancel, sequence, is_test, correlation_id, correction_id, fault_code, fault_detail) from stdin"""
INSERT_LOAD = """insert into raw.loads (load_id, source, feed, received_at, documents, facts)
    values (%s, %s, %s, %s, %s, %s)"""
CHANGE_FILE = """update ops.files set state = %s, sha256 = %s, document_id = %s, fault_code = %s, detail = %s,
    changed_at = %s where file_id = %s"""
# A first poll that did not reach the end has no complete poll before it: 'epoch' says never.
MOVE_CURSOR = """insert into ops.source_cursors as c (source, cursor, load_id, polled_at)
    values (%(source)s, coalesce(%(cursor)s::jsonb, '{}'), %(load_id)s::bigint,
            case when %(complete)s then %(at)s::timestamptz else 'epoch' end)
    on conflict (source) do update set cursor = coalesce(%(cursor)s::jsonb, c.cursor),
      load_id = coalesce(excluded.load_id, c.load_id), polled_at = greatest(excluded.polled_at, c.polled_at)"""

Identified = list[tuple[str, Fact]]
Stored = tuple[str, str, Document, Identified]  # document id, sha256, document, its new facts


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
    identified = [[(fact_id(source, feed, fact), fact) for fact in document.facts] for document in load.documents]
    seen = known_facts(conn, source, load.received_at, (pair for facts in identified for pair in facts))
    stored: list[Stored] = []
    known = 0
    for document, facts in zip(load.documents, identified, strict=True):
        fresh: Identified = []
        for pair in facts:
            if pair[0] in seen:
                known += 1
            else:
                seen.add(pair[0])
                fresh.append(pair)
        if fresh or document.is_kept:
            digest = sha256(document.content).hexdigest()
            stored.append((document_id(source, feed, document.name, digest), digest, document, fresh))
    return stored, known


def _write(conn: psycopg.Connection, load: Load, stored: list[Stored], known: int) -> LoadResult:
    load_id = None
    facts = sum(len(fresh) for *_, fresh in stored)
    if stored:
        load_id = _one(conn, "select nextval('raw.load_id_seq')")
        _copy(conn, COPY_DOCUMENTS, (_document_row(load, load_id, *entry[:3]) for entry in stored))
        _copy(conn, COPY_FACTS, _fact_rows(load, load_id, stored))
        conn.execute(
            INSERT_LOAD,
            [load_id, load.source, load.feed, load.received_at, len(stored), facts],
        )
    _change_files(conn, load)
    open_troubles(conn, load.troubles, load.received_at)
    cursor = None if load.cursor is None else Jsonb(load.cursor)
    values = {"source": load.source, "cursor": cursor, "load_id": load_id, "complete": load.is_complete}
    conn.execute(MOVE_CURSOR, values | {"at": load.received_at})
    faults = sum(fact.fault_code is not None for *_, fresh in stored for _, fact in fresh)
    return LoadResult(load_id, len(stored), facts - faults, faults, known)


def _document_row(load: Load, load_id: int, document_key: str, digest: str, document: Document) -> tuple[Any, ...]:
    size = len(document.content) if document.size_bytes is None else document.size_bytes
    return (
        document_key, load_id, load.source, load.feed, document.name, document.content, digest, size, load.received_at,
        document.status, document.fault_code, document.fault_detail, document.fault_position,
    )  # fmt: skip


def _fact_rows(load: Load, load_id: int, stored: list[Stored]) -> Iterator[tuple[Any, ...]]:
    for document_key, _, _, fresh in stored:
        same = (load_id, document_key, load.source, load.feed, load.received_at)
        for key, fact in fresh:
            yield (key, *same, *fact)


def _copy(conn: psycopg.Connection, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


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
