"""Facts of documents that an earlier load stored: a load of their own, with the receipt of those documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from syncline.landing.copy_text import lines, rows
from syncline.landing.known import known_facts
from syncline.landing.land import COPY_FACTS, INSERT_LOAD, one
from syncline.landing.model import Fact, LoadResult
from syncline.landing.warehouse_errors import warehouse_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg


class OfDocument(NamedTuple):
    """A fact and the stored document that says it."""

    document_id: str
    fact: Fact


def land_stored(
    conn: psycopg.Connection, source: str, feed: str, received_at: datetime, said: Sequence[OfDocument]
) -> LoadResult:
    """Land ``said``; what was landed before is left out, so a second call with the same facts writes nothing.

    Args:
        conn: autocommit connection of the loader role.
        received_at: when the documents came: when their facts were chosen is no part of what was said.
    Raises:
        WarehouseUnavailable: nothing was written.
    """
    with warehouse_errors(f"land facts of {source} that are stored"):
        found = rows(source, feed, [each.fact for each in said])
        known = known_facts(conn, source, received_at, found)
        new: dict[str, list[int]] = {}
        for index, (row, each) in enumerate(zip(found, said, strict=True)):
            if row[0] not in known:
                known.add(row[0])
                new.setdefault(each.document_id, []).append(index)
        count = sum(map(len, new.values()))
        if not count:
            return LoadResult(None, 0, 0, 0, len(said))
        with conn.transaction():
            load_id = one(conn, "select nextval('raw.load_id_seq')")
            with conn.cursor() as cursor, cursor.copy(COPY_FACTS) as copy:
                for document_id, indexes in new.items():
                    chosen = [found[index] for index in indexes]
                    copy.write(lines(chosen, document_id, load_id, source, feed, received_at))
            conn.execute(INSERT_LOAD, [load_id, source, feed, received_at, len(new), count])
        return LoadResult(load_id, len(new), count, 0, len(said) - count)
