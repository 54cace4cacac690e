"""Pull one full state: all pages of one as-of become documents and one snapshot, proven or not, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from syncline.errors import PartnerContractBroken
from syncline.exceptions import resolve_exception
from syncline.landing import Document, Load, Trouble, document_id, land
from syncline.landing.lane import source_lane
from syncline.landing.snapshots import Snapshot, SnapshotLine, cut, is_known, snapshot_id, span_of, store
from syncline.reconcile.client import PageUnreadable
from syncline.reconcile.pages import NotAPageError, Page, read_page
from syncline.reconcile.proving import Limits, Proof

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.reconcile.books import Books
    from syncline.reconcile.client import Answered
    from syncline.reconcile.pages import Scope

FEED = "balances"  # of its documents: a page of events is read again by other code
RULE = "snapshot.unproven"
# Whoever asks for more than this in one state asks for a file: 1 M lines of a WMS are about 90 MB.
STATE_BYTES_MAX = 512 * 1024 * 1024
SKEW_S = 300  # how far ahead of ours a partner's clock may be; the source's own bound decides its facts


class Pages(Protocol):
    """What ``pull`` needs of a client."""

    def page(self, as_of: str, token: str | None) -> Answered: ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of one pull. ``is_new`` is False when the same state had been landed before."""

    source: str
    system: str
    location: str
    snapshot_id: str
    recorded: str
    lines: int
    pages: int
    is_proven: bool
    fault_code: str | None
    is_new: bool

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def pull(conn: psycopg.Connection, client: Pages, books: Books, as_of: datetime, now: datetime) -> Pulled:
    """Land the state of ``books`` at ``as_of``, and open or close its exception.

    The same state again (the same bytes of the same as-of) lands nothing: a task that is cleared finds what it wrote.

    Args:
        conn: autocommit connection of the loader.
    Raises:
        PartnerUnavailable, ConfigurationError, PartnerContractBroken: see ``BalancesClient.page``; nothing is stored.
            What can no more be part of a state once a page was read is stored as unproven instead.
        RetryableError: another pull of the same books is under way.
        WarehouseUnavailable: nothing was written.
    """
    with source_lane(conn, f"balances of {books.source} at {books.location}"):
        state = _State(books, now)
        state.read(client, as_of)
        return state.land(conn)


# A measure that nobody has mapped is of no scope; what its lines say is unmapped, too. The ERP's books are one measure.
_MEASURES = """
select distinct coalesce(own.measure, every.measure) as measure from unnest(%s::text[]) as r (status_ref)
left join ops.current_status_crosswalk own on own.source = %s and own.status_ref = r.status_ref
left join ops.current_status_crosswalk every on every.source = '*' and every.status_ref = r.status_ref
where coalesce(own.measure, every.measure) is not null order by 1
"""


class _State:
    """The pages as they come. Only their bytes are held: lines are read once to prove, once to be written."""

    def __init__(self, books: Books, now: datetime) -> None:
        limits = Limits(books.balances.pages_max, books.balances.lines_max, STATE_BYTES_MAX)
        self._books, self._now = books, now
        self._pages: list[tuple[str, bytes, bool]] = []  # name, content, whether it is a page at all
        self.proof = Proof(books.location_ref, limits, now + timedelta(seconds=SKEW_S))
        self._asked = ""

    def read(self, client: Pages, as_of: datetime) -> None:
        """Every page, until one breaks the proof: what comes behind it could prove nothing any more."""
        self._asked = as_of.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        token: str | None = None
        while self.proof.fault is None:
            page = self._next(client, token)
            if page is None:
                return
            token = page.next_token
            if token is None:
                self.proof.end()
                return

    def _next(self, client: Pages, token: str | None) -> Page | None:
        try:
            answered = client.page(self._asked, token)
        except (PageUnreadable, PartnerContractBroken) as error:
            if not self._pages:
                raise
            code = "page_unreadable" if isinstance(error, PageUnreadable) else "page_refused"
            self.proof.refuse(code, f"page {len(self._pages) + 1}: {error.message}")
            return None
        name = f"GET {self._books.path}?as_of={self._asked}&page={len(self._pages) + 1}"
        try:
            page = read_page(answered.content, self._books.dialect, answered.etag)
        except NotAPageError as error:
            self._pages.append((name, answered.content, False))
            self.proof.refuse("page_unreadable", f"page {len(self._pages)}: {error}")
            return None
        self._pages.append((name, answered.content, True))
        self.proof.take(page, len(answered.content))
        return page

    def land(self, conn: psycopg.Connection) -> Pulled:
        source, proof = self._books.source, self.proof
        documents = [Document(name, content, is_kept=True) for name, content, _ in self._pages]
        ids = [document_id(source, FEED, each.name, sha256(each.content).hexdigest()) for each in documents]
        recorded = proof.as_of or self._asked
        key = snapshot_id(source, recorded, ids, self._books.location_ref)
        span = span_of(recorded)
        assert span is not None, "a page says an instant, and so did we"
        snapshot = Snapshot(
            key, source, self._books.system, ids, [self._books.location_ref],
            _measures(conn, self._books, proof.scope), recorded, cut(span, self._now, SKEW_S), self._now,
            proof.control and proof.control.lines, proof.control and proof.control.units, proof.lines, proof.units,
            proof.scope is not None, proof.fault and proof.fault.code,
        )  # fmt: skip
        is_new = not is_known(conn, key)
        if is_new:
            land(conn, self._load(snapshot, documents))
        return Pulled(
            source, self._books.system, self._books.location, key, recorded, proof.lines, len(documents),
            snapshot.is_proven, snapshot.fault_code, is_new,
        )  # fmt: skip

    def _load(self, snapshot: Snapshot, documents: list[Document]) -> Load:
        subject = f"{self._books.source}/{self._books.location}"

        def beside(conn: psycopg.Connection) -> None:
            store(conn, snapshot, self._lines())
            if snapshot.is_proven:
                resolve_exception(conn, RULE, subject, at=self._now)

        return Load(
            self._books.source, FEED, self._now, documents, is_complete=False, is_poll=False,
            troubles=self._troubles(subject, snapshot), beside=beside,
        )  # fmt: skip

    def _troubles(self, subject: str, snapshot: Snapshot) -> list[Trouble]:
        fault = self.proof.fault
        if fault is None:
            return []
        detail = (
            f"the full state of {subject} as of {snapshot.recorded} is not proven, so nothing that it leaves out counts"
            f" as zero: {fault.code}: {fault.detail}"
        )
        step = (
            f"Show it to the owner of {self._books.source} and reconcile again:"
            f" `syncline reconcile run --location {self._books.location}`. A proven state closes this."
        )
        return [Trouble(RULE, subject, detail[:1_000].encode("ascii", "backslashreplace").decode(), step)]

    def _lines(self) -> Iterator[SnapshotLine]:
        for number, (_, content, is_page) in enumerate(self._pages, 1):
            if is_page:
                for line in read_page(content, self._books.dialect).lines:
                    yield SnapshotLine(f"{number}:balances[{line.place}]", *line[1:])


def _measures(conn: psycopg.Connection, books: Books, scope: Scope | None) -> list[str]:
    """The measures of the scope in our words."""
    if scope is None or books.system == "erp":
        return [] if scope is None else list(scope.measures)
    return [row[0] for row in conn.execute(_MEASURES, [list(scope.measures), books.source])]
