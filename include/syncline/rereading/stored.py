"""Documents and facts as they are stored, each document in its newest reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.errors import ConfigurationError
from syncline.landing.known import LOOK_BACK

if TYPE_CHECKING:
    import psycopg

# Pages of a full state are no facts by themselves: what differs was promoted, by other code (reconcile/promoting.py).
_READABLE = "d.feed <> 'balances'"
# A poll holds tens of pages; a limit in bytes keeps a run of large files from filling the memory.
CHUNK_DOCUMENTS, CHUNK_BYTES = 40, 32_000_000

_NEWEST = """
left join lateral (select r.load_id, r.status from ops.readings r
  where r.document_id = d.document_id and r.received_at = d.received_at order by r.load_id desc limit 1) r on true
"""
_DOCUMENTS = f"""
select d.document_id, d.received_at, d.load_id, d.feed, d.name, d.sha256, d.size_bytes,
       coalesce(r.status, d.status), coalesce(r.load_id, d.load_id)
from raw.documents d {_NEWEST}
"""
_KEYS = "unnest(%(ids)s::text[], %(times)s::timestamptz[]) as k (document_id, received_at)"
# No later reading of the document replaced this one, released or still waiting for its batch.
_IN_FORCE = """not exists (select from ops.readings n where n.document_id = f.document_id
  and n.received_at = f.received_at and n.load_id > f.load_id)"""


class Stored(NamedTuple):
    """One receipt of a document. ``load_id`` brought it; ``status`` and ``reading_load`` are of its newest reading."""

    document_id: str
    received_at: datetime
    load_id: int
    feed: str
    name: str
    sha256: str
    size_bytes: int
    status: str
    reading_load: int

    @property
    def key(self) -> tuple[str, datetime]:
        """What tells this receipt from all others."""
        return (self.document_id, self.received_at)

    @property
    def order(self) -> tuple[int, str]:
        """Order of landing. Names of the pages of one poll begin with their cursor, so they sort as they were read."""
        return (self.load_id, self.name)

    @property
    def told(self) -> str:
        """How a duplicate names the document it repeats."""
        return f"{self.name}, received {self.received_at.isoformat()}"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents to read again: by day of receipt (both ends included) or by id; everything when empty."""

    received_from: datetime | None = None
    received_to: datetime | None = None
    document_ids: tuple[str, ...] = ()


class Receipt(NamedTuple):
    """One receipt of a fact: when, and in which document (by its order of landing)."""

    received_at: datetime
    order: tuple[int, str]


def select(conn: psycopg.Connection, source: str, selection: Selection) -> list[Stored]:
    """The selected documents in their order of landing.

    Raises:
        ConfigurationError: an id names no document of the source.
    """
    rows = conn.execute(
        f"{_DOCUMENTS} where {_READABLE} and d.source = %(source)s and (%(any)s or d.document_id = any(%(ids)s))"
        " and d.received_at >= coalesce(%(from)s::timestamptz, '-infinity')"
        " and d.received_at <= coalesce(%(to)s::timestamptz, 'infinity')",
        {
            "source": source,
            "any": not selection.document_ids,
            "ids": list(selection.document_ids),
            "from": selection.received_from,
            "to": selection.received_to,
        },
    )
    found = in_order(Stored(*row) for row in rows)
    missing = set(selection.document_ids) - {each.document_id for each in found}
    if missing:
        raise ConfigurationError(
            f"Source {source} has no document {min(missing)!r} in that time.",
            next_step="raw.documents lists the ids of a source; they are given in full.",
            source=source,
        )
    return found


def in_order(documents: Iterable[Stored]) -> list[Stored]:
    """Documents sorted by their order of landing."""
    return sorted(documents, key=lambda each: (each.order, each.received_at, each.document_id))


def received_near(conn: psycopg.Connection, source: str, chosen: Sequence[Stored]) -> list[Stored]:
    """Other documents from which landing may have left out what ``chosen`` told, or the other way round."""
    rows = conn.execute(
        f"{_DOCUMENTS} where {_READABLE} and d.source = %s and d.received_at between %s and %s",
        [
            source,
            min(each.received_at for each in chosen) - LOOK_BACK,
            max(each.received_at for each in chosen) + LOOK_BACK,
        ],
    )
    taken = {each.key for each in chosen}
    return [each for each in in_order(Stored(*row) for row in rows) if each.key not in taken]


def chunks(documents: Sequence[Stored]) -> Iterator[list[Stored]]:
    """``documents`` in parts that fit into memory, in their order."""
    part: list[Stored] = []
    size = 0
    for each in documents:
        if part and (len(part) >= CHUNK_DOCUMENTS or size + each.size_bytes > CHUNK_BYTES):
            yield part
            part, size = [], 0
        part.append(each)
        size += each.size_bytes
    if part:
        yield part


def contents(conn: psycopg.Connection, documents: Sequence[Stored]) -> dict[tuple[str, datetime], bytes]:
    """The stored bytes by document."""
    rows = conn.execute(
        f"select d.document_id, d.received_at, d.content from {_KEYS} join raw.documents d"
        " on d.document_id = k.document_id and d.received_at = k.received_at",
        _keys(documents),
    )
    return {(row[0], row[1]): bytes(row[2]) for row in rows}


def facts_of(conn: psycopg.Connection, documents: Sequence[Stored]) -> dict[tuple[str, datetime], dict[str, str]]:
    """Document -> fact id -> position, of each document's newest reading."""
    found: dict[tuple[str, datetime], dict[str, str]] = {each.key: {} for each in documents}
    rows = conn.execute(
        f"select f.document_id, f.received_at, f.fact_id, f.position from {_KEYS} join raw.facts f"
        f" on f.document_id = k.document_id and f.received_at = k.received_at where {_IN_FORCE}",
        _keys(documents),
    )
    for document_id, received_at, fact_id, position in rows:
        found[document_id, received_at][fact_id] = position
    return found


def receipts_elsewhere(
    conn: psycopg.Connection, source: str, fact_ids: Iterable[str], taken: set[tuple[str, datetime]]
) -> dict[str, list[Receipt]]:
    """Fact id -> its receipts in force in documents that are not ``taken``."""
    rows = conn.execute(
        "select f.fact_id, f.received_at, f.document_id, d.load_id, d.name from raw.facts f join raw.documents d"
        " on d.document_id = f.document_id and d.received_at = f.received_at"
        f" where f.fact_id = any(string_to_array(%s, ',')) and f.source = %s and {_IN_FORCE}",
        [",".join(fact_ids), source],
    )
    found: dict[str, list[Receipt]] = {}
    for fact_id, received_at, document_id, load_id, name in rows:
        if (document_id, received_at) not in taken:
            found.setdefault(fact_id, []).append(Receipt(received_at, (load_id, name)))
    return found


def accepted_elsewhere(
    conn: psycopg.Connection, source: str, digests: Iterable[str], taken: set[tuple[str, datetime]]
) -> list[Stored]:
    """Documents, not ``taken``, with these bytes that were accepted: the same bytes after them are a duplicate."""
    rows = conn.execute(
        f"{_DOCUMENTS} where {_READABLE} and d.source = %s and d.sha256 = any(%s) and coalesce(r.status, d.status) in"
        " ('accepted', 'partial')",
        [source, sorted(set(digests))],
    )
    return [each for each in in_order(Stored(*row) for row in rows) if each.key not in taken]


def _keys(documents: Sequence[Stored]) -> dict[str, Any]:
    return {"ids": [each.document_id for each in documents], "times": [each.received_at for each in documents]}
