"""One thread from the page or file that told a fact to what a target answered, found from any of its ids."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg.rows import class_row

from syncline.errors import TerminalError
from syncline.explain.marts import refs_of

if TYPE_CHECKING:
    import psycopg

    from syncline.explain.marts import Refs

ROWS_MAX = 200
RowT = TypeVar("RowT")
EXCEPTION = "exception:"
# Where a target's field is short it was given the first digits of the correction id.
REFERENCE = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Document:
    """A page or file as it was received."""

    document_id: str
    source: str
    name: str
    received_at: datetime
    status: str


@dataclass(frozen=True)
class Fact:
    """One line of a document, as it was written."""

    fact_id: str
    document_id: str
    position: str
    item_ref: str | None
    location_ref: str | None
    status_ref: str | None
    quantity: str | None
    uom: str | None
    recorded: str | None
    disposition: str | None


@dataclass(frozen=True)
class Followed:
    """A correction and the fact it follows. ``quantity``: the delta or the number to set, in base units."""

    correction_id: str
    fact_id: str | None
    correlation_id: str | None
    target: str
    item: str
    location: str
    kind: str
    quantity: int
    shown: int
    wanted: int
    state: str
    reason: str | None
    batch_id: int


@dataclass(frozen=True)
class Attempt:
    """One try of a correction and what the target answered."""

    correction_id: str
    try_no: int
    sent_at: datetime
    answered_at: datetime | None
    outcome: str | None
    status_code: int | None
    document_id: str | None


@dataclass(frozen=True)
class Trace:
    """What hangs together with the id that was asked for; each list is cut after ``ROWS_MAX`` rows."""

    asked: str
    documents: list[Document]
    facts: list[Fact]
    corrections: list[Followed]
    attempts: list[Attempt]

    def as_json(self) -> dict[str, Any]:
        """Plain types: instants as ISO text."""
        lists = {
            name: [
                {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(row).items()}
                for row in getattr(self, name)
            ]
            for name in ("documents", "facts", "corrections", "attempts")
        }
        return {"asked": self.asked, **lists}


_DOCUMENTS = """
select distinct on (document_id) document_id, source, name, received_at, status
from raw.documents where document_id = any(%(ids)s) order by document_id, received_at
"""
_CORRECTIONS = """
select correction_id, fact_id, correlation_id, target, item, location, kind, quantity, shown, wanted, state, reason,
       batch_id
from ops.outbox where {} order by batch_id, target, item, location, correction_id limit %(limit)s
"""
_FACTS = """
select distinct on (f.document_id, f.position, f.fact_id) f.fact_id, f.document_id, f.position, f.item_ref,
       f.location_ref, f.status_ref, f.quantity, f.uom, f.recorded, d.disposition
from raw.facts f {} where {{}}
order by f.document_id, f.position, f.fact_id, f.received_at limit %(limit)s
"""
_DISPOSED = "left join intermediate.int_dispositions d on d.fact_id = f.fact_id"
# Before the first build there are no dispositions.
_UNDECIDED = "left join (select null::text as fact_id, null::text as disposition) d on false"
_ATTEMPTS = """
select correction_id, try_no, sent_at, answered_at, outcome, status_code, document_id
from ops.push_attempts where correction_id = any(%(ids)s) order by correction_id, try_no limit %(limit)s
"""


def trace(conn: psycopg.Connection, asked: str) -> Trace:
    """What hangs together with a document, a fact, a correction, or its first digits (8 or more) as targets show.

    ``exception:<number>`` is all that the exception rests on, ``<mart>:<key>`` what a mart's row is made of
    (``explain.marts``), ``<document>#<position>`` one raw line.

    Args:
        conn: role bi.

    Raises:
        TerminalError: nothing has this id, or the digits are those of several corrections.
    """
    if asked.startswith(EXCEPTION):
        asked = asked.replace(EXCEPTION, "fct_exceptions:", 1)
    refs = refs_of(conn, asked, ROWS_MAX)
    if refs is not None:
        return _of_row(conn, asked, refs)
    document, hash_, position = asked.rpartition("#")
    if hash_ and document:
        return _of_line(conn, asked, document, position)
    corrections: list[Followed] = []
    if REFERENCE.fullmatch(asked):
        corrections = _select(conn, Followed, _CORRECTIONS.format("starts_with(correction_id, %(id)s)"), id=asked)
        _refuse_several(asked, corrections)
    of_fact = _facts(conn, "f.fact_id = %(id)s", asked)
    if corrections:
        facts = _facts(conn, "f.fact_id = any(%(ids)s)", ids=[each.fact_id for each in corrections if each.fact_id])
    elif of_fact:
        facts = of_fact
        corrections = _select(conn, Followed, _CORRECTIONS.format("fact_id = %(id)s"), id=asked)
    else:
        facts = _facts(conn, "f.document_id = %(id)s", asked)
        corrections = _select(conn, Followed, _CORRECTIONS.format("correlation_id = %(id)s"), id=asked)
    named = {asked, *(fact.document_id for fact in facts), *(each.correlation_id for each in corrections)}
    documents = _select(conn, Document, _DOCUMENTS, ids=sorted(each for each in named if each))
    if not (documents or facts or corrections):
        raise TerminalError(
            f"Nothing has the id {asked!r}.",
            next_step="Give the id of a document, a fact or a correction; of the last its first 8 digits will do.",
        )
    return _with_attempts(conn, asked, documents, facts, corrections)


def _of_row(conn: psycopg.Connection, asked: str, refs: Refs) -> Trace:
    """A mart's row: back to the bytes of what it is made of, and forward to what followed from its facts."""
    query = _CORRECTIONS.format("correction_id = any(%(ids)s) or fact_id = any(%(facts)s)")
    corrections = _select(conn, Followed, query, ids=refs.corrections, facts=refs.facts)
    told = [each.fact_id for each in corrections if each.fact_id and each.correction_id in refs.corrections]
    facts = _facts(conn, "f.fact_id = any(%(ids)s)", ids=[*refs.facts, *told])
    return _with_documents(conn, asked, refs.documents, facts, corrections)


def _of_line(conn: psycopg.Connection, asked: str, document: str, position: str) -> Trace:
    """A raw line, by its document's id or name and its position: forward to what targets answered."""
    facts = _facts(
        conn,
        "f.position = %(id)s and f.document_id in "
        "(select d.document_id from raw.documents d where d.document_id = %(document)s or d.name = %(document)s)",
        position,
        document=document,
    )
    if not facts:
        raise TerminalError(
            f"No fact was read at {position!r} of {document[:200]!r}.",
            next_step=f"See what was: syncline trace {document[:200]}.",
        )
    ids = [fact.fact_id for fact in facts]
    corrections = _select(conn, Followed, _CORRECTIONS.format("fact_id = any(%(ids)s)"), ids=ids)
    return _with_documents(conn, asked, [], facts, corrections)


def _with_documents(
    conn: psycopg.Connection, asked: str, named: list[str], facts: list[Fact], corrections: list[Followed]
) -> Trace:
    ids = {*named, *(fact.document_id for fact in facts)}
    ids |= {each.correlation_id for each in corrections if each.correlation_id}
    documents = _select(conn, Document, _DOCUMENTS, ids=sorted(ids))
    if not (documents or facts or corrections):
        raise TerminalError(
            f"Nothing that {asked} rests on is stored.", next_step="See its detail: syncline exceptions show <number>."
        )
    return _with_attempts(conn, asked, documents, facts, corrections)


def _with_attempts(
    conn: psycopg.Connection, asked: str, documents: list[Document], facts: list[Fact], corrections: list[Followed]
) -> Trace:
    attempts = _select(conn, Attempt, _ATTEMPTS, ids=[each.correction_id for each in corrections])
    return Trace(asked, documents, facts, corrections, attempts)


def _refuse_several(asked: str, corrections: list[Followed]) -> None:
    if len(corrections) > 1:
        raise TerminalError(
            f"{len(corrections)} corrections begin with {asked}: "
            + ", ".join(each.correction_id[:16] for each in corrections[:5]),
            next_step="Give more digits.",
        )


def _facts(conn: psycopg.Connection, condition: str, asked: str | None = None, **values: Any) -> list[Fact]:
    is_built = conn.execute("select to_regclass('intermediate.int_dispositions') is not null").fetchone() == (True,)
    query = _FACTS.format(_DISPOSED if is_built else _UNDECIDED).format(condition)
    return _select(conn, Fact, query, id=asked, **values)


def contents(conn: psycopg.Connection, documents: list[Document]) -> list[tuple[Document, bytes, bool]]:
    """The bytes of each document as they came, and whether they are what their hash said at the receipt."""
    found = []
    for each in documents:
        row = conn.execute(
            "select content, sha256 = encode(sha256(content), 'hex') from raw.documents where document_id = %s "
            "order by received_at limit 1",
            (each.document_id,),
        ).fetchone()
        assert row is not None, "a document is never deleted"
        found.append((each, bytes(row[0]), bool(row[1])))
    return found


def _select(conn: psycopg.Connection, kind: type[RowT], query: str, **values: Any) -> list[RowT]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query.encode(), {"limit": ROWS_MAX, **values}).fetchall()
