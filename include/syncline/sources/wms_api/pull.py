"""Pull a WMS: read pages behind the cursor, land them, move the cursor with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from syncline.errors import PartnerContractBroken, SynclineError
from syncline.landing import Document, Fact, Load, Trouble, fact_id, land
from syncline.landing.lane import source_lane
from syncline.sources.summary import PullResult
from syncline.sources.wms_api.mapping import Key, facts_of, key_of, number_of

if TYPE_CHECKING:
    import psycopg

    from syncline.registry import Source
    from syncline.sources.wms_api.client import Page
    from syncline.sources.wms_api.records import Records

FEED = "api"
BYTES_PER_LOAD = 4_000_000  # about 13,000 events; bounds memory while catching up, a quiet poll is one page
BEGINNING = Key(datetime(1970, 1, 1, tzinfo=UTC), "")


class Pages(Protocol):
    """What ``pull`` needs of a client."""

    def page(self, after: Key) -> Page: ...


def pull(
    conn: psycopg.Connection, client: Pages, source: Source, now: datetime, *, since: datetime | None = None
) -> PullResult:
    """Land what ``source`` posted since the cursor, and what became visible behind it within ``overlap_s``.

    The cursor is {"posted_at", "event_id"} of the last event that is not in the future, plus "resume_after" (the same
    two of the last one read) when ``pages_max`` stopped the poll: the next one then goes on exactly there, without the
    overlap, or a full overlap would never get past itself. "furthest" is there once a poll was complete: no event
    posted after it was ever landed, so one after it need not be looked up among those of earlier polls. A wrong clock
    moves it ahead, which costs look-ups and nothing else.

    Args:
        since: read from this instant on instead, once: for a source that posted behind its cursor, because its clock
            went back. What is known already is not landed again.
    Raises:
        PartnerUnavailable, PartnerContractBroken, ConfigurationError: see ``WmsClient.page``; pages read before
            the error are landed and the cursor stands behind them.
        RetryableError: another reader holds the source.
        WarehouseUnavailable: nothing of the current load was written.
    """
    with source_lane(conn, source.name) as cursor:
        poll = _Poll(conn, source, now, cursor, since)
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

    def __init__(
        self, conn: psycopg.Connection, source: Source, now: datetime, cursor: dict[str, Any], since: datetime | None
    ) -> None:
        self._conn = conn
        self._source = source
        self._now = now
        # Never ahead of now, for which no event of the future counts: one wrong clock, the partner's or ours, must not
        # blind the polls after it.
        self._last = min(_key(cursor), Key(now, ""))
        self._pages: list[Page] = []
        self._bytes = 0
        self._has_more = False
        self._result = PullResult(source.name)
        furthest = cursor.get("furthest")
        self._landed_to = None if furthest is None else datetime.fromisoformat(furthest)
        self._read_to = self._landed_to or BEGINNING.posted_at
        resume_after = cursor.get("resume_after")
        if since is not None:
            self.after = Key(since, "")
        elif resume_after:
            self.after = _key(resume_after)
        else:
            self.after = Key(_minus(self._last.posted_at, source.overlap_s), "")

    def take(self, page: Page) -> bool:
        """Keep one page for the next load; True when there is another behind it."""
        records = page.records
        if records.events:
            self._pages.append(page)
            self._bytes += len(page.content)
        furthest = records.last
        if records.has_more and (furthest is None or furthest <= self.after):
            raise PartnerContractBroken(
                f"{self._source.name}: the page after ({self.after.posted_at.isoformat()}, {self.after.event_id!r})"
                " says has_more but leads no further.",
                next_step="Show that request to the owner of the API; what the page held is stored.",
                source=self._source.name,
            )
        if furthest is not None:
            self.after = furthest
            self._last = max(self._last, _last_by(records, self._now))
            self._read_to = max(self._read_to, furthest.posted_at)
        self._has_more = records.has_more
        if self._bytes >= BYTES_PER_LOAD:
            self._land(is_complete=False)
        return records.has_more

    def close(self, *, is_complete: bool) -> PullResult:
        """Land the rest and say what the poll brought. A poll that failed at its first page changes nothing."""
        if is_complete or self._pages or self._has_more:
            self._land(is_complete=is_complete)
        return replace(self._result, is_complete=is_complete)

    def _land(self, *, is_complete: bool) -> None:
        cursor: dict[str, Any] = _cursor(self._last)
        if self._has_more:
            cursor["resume_after"] = _cursor(self.after)
        if self._landed_to is not None or is_complete:
            cursor["furthest"] = self._read_to.isoformat()
        unseen = [page for page in self._pages if self._is_unseen(page)]
        told = [read_page(page, self._source) for page in self._pages if not self._is_unseen(page)]
        load = Load(
            self._source.name, FEED, self._now, told, cursor, is_complete,
            troubles=troubles_of(self._source, told),
            unseen=(read_page(page, self._source) for page in unseen) if unseen else (),
            numbers=self._numbers(),
        )  # fmt: skip
        self._result = self._result.plus(land(self._conn, load))
        self._pages, self._bytes = [], 0
        if self._landed_to is not None:
            self._landed_to = self._read_to

    def _numbers(self) -> list[int]:
        """Sequence numbers of all records, also of those that bring no fact or a fault: they were told."""
        site = self._source.site or ""
        numbers = (number_of(event, site) for page in self._pages for event in page.records.events)
        return [number for number in numbers if number is not None]

    def _is_unseen(self, page: Page) -> bool:
        """Whether no fact of ``page`` was ever landed. One with a fault has no time that proves it."""
        first = page.records.first
        if self._landed_to is None or first is None or not page.records.is_typed:
            return False
        return first.posted_at > self._landed_to


def _last_by(records: Records, now: datetime) -> Key:
    """The last place in ``records`` that is not after ``now``."""
    if records.last is not None and records.last.posted_at <= now:
        return records.last
    keys = (key_of(event) for event in records.events)
    return max((key for key in keys if key is not None and key.posted_at <= now), default=BEGINNING)


def _key(cursor: dict[str, Any]) -> Key:
    if not cursor:
        return BEGINNING
    return Key(datetime.fromisoformat(cursor["posted_at"]), cursor["event_id"])


def _cursor(key: Key) -> dict[str, Any]:
    return {"posted_at": key.posted_at.isoformat(), "event_id": key.event_id}


def _minus(instant: datetime, seconds: int) -> datetime:
    return max(instant, BEGINNING.posted_at + timedelta(seconds=seconds)) - timedelta(seconds=seconds)


def read_page(page: Page, source: Source) -> Document:
    """What the mapping makes of a page."""
    site = source.site or ""
    facts = [fact for index, event in enumerate(page.records.events) for fact in facts_of(event, index, site)]
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


def troubles_of(source: Source, pages: list[Document], feed: str = FEED) -> list[Trouble]:
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
            (f"fact:{fact_id(source.name, feed, fact)}",),
        )
        for code, fact in sorted(codes.items())
    ]
