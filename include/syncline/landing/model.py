"""What a load is made of: documents as received and the facts read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import psycopg

ID_HEX_DIGITS = 40  # 160 bits of a cryptographic hash: partners choose the content, so ids must resist collisions

DocumentStatus = Literal["accepted", "partial", "quarantined", "duplicate"]


class Fact(NamedTuple):
    """One line of one message, as the source wrote it (semantics §1); a row of ``raw.facts``.

    A tuple, not a dataclass: a load holds tens of thousands and each is built, hashed and copied once. Content
    comes first, ``position`` and ``reading`` say where and how it was read and are no part of its identity.
    A record that could not be read is a Fact with ``fault_code`` and without ``kind`` (see ``fault``).
    """

    kind: Literal["movement", "balance"] | None
    item_ref: str | None
    location_ref: str | None
    status_ref: str | None
    uom: str | None
    quantity: str | None  # as written; exact arithmetic happens in dbt
    recorded: str | None  # as written: precision is meaning (semantics §2)
    line_key: str | None
    event_key: str | None
    position: str
    reading: str
    lot: str | None = None
    revision: int = 1
    cancel: bool = False
    sequence: int | None = None
    is_test: bool = False
    correlation_id: str | None = None
    correction_id: str | None = None
    fault_code: str | None = None
    fault_detail: str | None = None
    balance_after: str | None = None  # what the source's own book held after it, in base units
    # What it says beside its number (semantics §11 to §15).
    serves: str | None = None  # key of the release that this movement serves
    is_final: bool | None = None  # nothing more comes for it
    due: str | None = None  # as written: when what it announces should be there
    owner: str | None = None  # whose goods they are
    snapshot_id: str | None = None  # the document (``raw.snapshots``) whose line it is
    reason: str | None = None  # why it was told, where its document says so: ``count``


def fault(code: str, detail: str, *, line_key: str, position: str, reading: str, is_test: bool = False) -> Fact:
    """A record that could not be read. ``line_key`` must tell it from every other (a digest of the record)."""
    return Fact(
        None, None, None, None, None, None, None, line_key, None, position, reading,
        is_test=is_test, fault_code=code, fault_detail=detail,
    )  # fmt: skip


def document_id(source: str, feed: str, name: str, content_sha256: str) -> str:
    """Hash of where a document came from, its name and its bytes."""
    # ascii() quotes and escapes every value, so no two contents look alike; unlike repr() it gives the same text on
    # every Python, whose idea of what is printable grows with Unicode.
    return sha256(ascii((source, feed, name, content_sha256)).encode()).hexdigest()[:ID_HEX_DIGITS]


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes as received and the facts read from them.

    ``is_kept``: store it even when it brings nothing new (a file is evidence; a page read again is not).
    ``size_bytes`` is the size at the source when ``content`` holds only its beginning.
    """

    name: str
    content: bytes
    facts: Sequence[Fact] = ()
    status: DocumentStatus = "accepted"
    fault_code: str | None = None
    fault_detail: str | None = None
    fault_position: str | None = None
    is_kept: bool = False
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FileChange:
    """New state of a row of ``ops.files``, written with the load; ``document`` is its document's index in the load."""

    file_id: int
    state: Literal["landed", "archived", "read", "refused"]
    sha256: str
    document: int
    fault_code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """An exception for a person (``ops.exceptions``): one stands per rule and subject.

    ``evidence``: what it rests on beside the documents of its load, ``fact:<id>`` or ``document:<id>``.
    """

    rule: str
    subject: str
    detail: str
    next_step: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """Everything one transaction lands. ``received_at`` is virtual or real UTC, handed in by the caller.

    ``cursor``: where the next poll begins (None keeps it). ``is_complete``: the poll reached the end, so
    ``polled_at`` moves to ``received_at``. ``unseen``: documents none of whose facts this source told in an earlier
    load, as its reader can prove; they are not looked up, and are drawn one by one while Postgres takes the last one.
    ``numbers``: sequence numbers of everything this poll was told, with a fact in it or not.
    ``beside``: called at the end of the transaction, writes what the source keeps about these documents.
    ``is_poll``: False for what was asked for beside the polls: it says nothing of where the next one begins.
    """

    source: str
    feed: str
    received_at: datetime
    documents: Sequence[Document] = ()
    cursor: dict[str, Any] | None = None
    is_complete: bool = True
    files: Sequence[FileChange] = ()
    troubles: Sequence[Trouble] = field(default=())
    unseen: Iterable[Document] = ()
    numbers: Sequence[int] = ()
    beside: Callable[[psycopg.Connection], None] | None = None
    is_poll: bool = True


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was written. ``load_id`` is None when nothing was new; ``known`` facts had been received before."""

    load_id: int | None
    documents: int
    facts: int
    faults: int
    known: int
