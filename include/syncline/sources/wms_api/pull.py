"""Pull a WMS: read pages behind the cursor, land them, move the cursor with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from syncline.errors import PartnerContractBroken, SynclineError
from syncline.landing import Document, Fact, Load, Trouble, land
from syncline.landing.lane import source_lane
from syncline.sources.summary import PullResult
from syncline.sources.wms_api.mapping import Key, facts_of, key_of

if TYPE_CHECKING:
    import psycopg

    from syncline.registry import Source
    from syncline.sources.wms_api.client import Page

FEED = "api"
FACTS_PER_LOAD = 10_000  # bounds memory while catching up; a quiet poll is one page
BEGINNING = Key(datetime(1970, 1, 1, tzinfo=UTC), "")


class Pages(Protocol):
    """What ``pull`` needs of a client."""

    def page(self, after: Key) -> Page: ...


def pull(conn: psycopg.Connection, client: Pages, source: Source, now: datetime) -> PullResult:
    """Land what ``source`` posted since the cursor, and what became visible behind it within ``overlap_s``.

    The cursor is {"posted_at", "event_id"} of the last event that is not in the future, plus "resume_after" (the same
    two of the last one read) when ``pages_max`` stopped the poll: the next one then goes on exactly there, without the
    overlap, or a full overlap would never get past itself.

    Raises:
        PartnerUnavailable, PartnerContractBroken, ConfigurationError: see ``WmsClient.page``; pages read before
            the error are landed and the cursor stands behind them.
        RetryableError: another reader holds the source.
        WarehouseUnavailable: nothing of the current load was written.
    """
    with source_lane(conn, source.name) as cursor:
        poll = _Poll(conn, source, now, cursor)
        try:
            for _ in range(source.pages_max):
                if not poll.take(client.page(poll.after)):
                    return poll.close(is_complete=True)
        except SynclineError:
            poll.close(is_complete=False)
            raise
        return poll.close(is_complete=False)


class _Poll:
    """State of one poll: where to read next, and what waits to be landed."""

    def __init__(self, conn: psycopg.Connection, source: Source, now: datetime, cursor: dict[str, Any]) -> None:
        self._conn = conn
        self._source = source
        self._now = now
        # Never ahead of now, for which no event of the future counts: one wrong clock, the partner's or ours, must not
        # blind the polls after it.
        self._last = min(_key(cursor), Key(now, ""))
        self._pages: list[Document] = []
        self._facts = 0
        self._has_more = False
        self._result = PullResult(source.name)
        resume_after = cursor.get("resume_after")
        self.after = _key(resume_after) if resume_after else Key(_minus(self._last.posted_at, source.overlap_s), "")

    def take(self, page: Page) -> bool:
        """Map one page; True when there is another behind it."""
        site = self._source.site or ""
        facts = [fact for index, event in enumerate(page.events) for fact in facts_of(event, index, site)]
        if facts:
            self._pages.append(_document(page, facts))
            self._facts += len(facts)
        keys = [key for key in map(key_of, page.events) if key is not None]
        furthest = max(keys, default=None)
        if page.has_more and (furthest is None or furthest <= self.after):
            raise PartnerContractBroken(
                f"{self._source.name}: the page after ({self.after.posted_at.isoformat()}, {self.after.event_id!r})"
                " says has_more but leads no further.",
                next_step="Show that request to the owner of the API; what the page held is stored.",
                source=self._source.name,
            )
        if furthest is not None:
            self.after = furthest
            self._last = max([self._last, *(key for key in keys if key.posted_at <= self._now)])
        self._has_more = page.has_more
        if self._facts >= FACTS_PER_LOAD:
            self._land(is_complete=False)
        return page.has_more

    def close(self, *, is_complete: bool) -> PullResult:
        """Land the rest and say what the poll brought. A poll that failed at its first page changes nothing."""
        if is_complete or self._pages or self._has_more:
            self._land(is_complete=is_complete)
        return replace(self._result, is_complete=is_complete)

    def _land(self, *, is_complete: bool) -> None:
        cursor: dict[str, Any] = _cursor(self._last)
        if self._has_more:
            cursor["resume_after"] = _cursor(self.after)
        troubles = _troubles(self._source, self._pages)
        load = Load(self._source.name, FEED, self._now, self._pages, cursor, is_complete, troubles=troubles)
        self._result = self._result.plus(land(self._conn, load))
        self._pages, self._facts = [], 0


def _key(cursor: dict[str, Any]) -> Key:
    if not cursor:
        return BEGINNING
    return Key(datetime.fromisoformat(cursor["posted_at"]), cursor["event_id"])


def _cursor(key: Key) -> dict[str, Any]:
    return {"posted_at": key.posted_at.isoformat(), "event_id": key.event_id}


def _minus(instant: datetime, seconds: int) -> datetime:
    return max(instant, BEGINNING.posted_at + timedelta(seconds=seconds)) - timedelta(seconds=seconds)


def _document(page: Page, facts: list[Fact]) -> Document:
    faults = [fact for fact in facts if fact.fault_code]
    first = faults[0] if faults else None
    return Document(
        page.name,
        page.content,
        facts,
        status="accepted" if first is None else "partial" if len(faults) < len(facts) else "quarantined",
        fault_code=first and first.fault_code,
        fault_detail=first and first.fault_detail,
        fault_position=first and first.position,
    )


def _troubles(source: Source, pages: list[Document]) -> list[Trouble]:
    """One exception per source and kind of fault; the records themselves are rows of ``raw.facts``."""
    codes: dict[str, Fact] = {}
    for fact in (fact for page in pages for fact in page.facts if fact.fault_code):
        codes.setdefault(str(fact.fault_code), fact)
    return [
        Trouble(
            "source_contract",
            f"{source.name}/{code}",
            f"First seen at {fact.position}: {fact.fault_detail}",
            f"Show it to the owner of {source.name}; raw.facts lists every such record by fault_code.",
        )
        for code, fact in sorted(codes.items())
    ]
