"""HTTP client of the WMS API. Every answer is limited in time, size and kind before it is believed."""

from __future__ import annotations

from dataclasses import dataclass

from syncline.connections import Connection
from syncline.partner_http import PartnerHttp, bearer
from syncline.registry import Source
from syncline.sources.api_pages import ApiPages
from syncline.sources.wms_api.mapping import Key
from syncline.sources.wms_api.records import NotAPageError, Records, read_records


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its bytes, the request without secrets, and its records."""

    name: str
    content: bytes
    records: Records


def open_client(connection: Connection, source: Source) -> WmsClient:
    """Client of ``source`` over ``connection`` (``password`` is the bearer token). Close it after use."""
    return WmsClient(PartnerHttp(connection.base_url(), bearer(connection.password)), source)


class WmsClient:
    """``page`` asks for one page of events of one site; a context manager that closes its connections."""

    def __init__(self, http: PartnerHttp, source: Source) -> None:
        self._source = source
        self._path = f"/wms/v1/{source.site}/events"
        self._pages = ApiPages(http, source, self._path)

    def __enter__(self) -> WmsClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._pages.close()

    def page(self, after: Key) -> Page:
        """Events strictly after ``after`` (with an empty event id: from its instant on), at most ``page_limit``.

        Raises:
            PartnerUnavailable, PartnerContractBroken, ConfigurationError: see ``ApiPages.ask``.
        """
        posted_from = after.posted_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        query = {"posted_from": posted_from, "after_id": after.event_id, "limit": str(self._source.page_limit)}
        content, records = self._pages.ask(query, self._records)
        name = f"GET {self._path}?posted_from={posted_from}&after_id={after.event_id}&limit={self._source.page_limit}"
        return Page(name, content, records)

    def _records(self, content: bytes) -> Records:
        try:
            page = read_records(content, self._source.site or "")
        except NotAPageError as error:
            raise self._pages.unreadable(str(error)) from None
        if len(page.events) > self._source.page_limit:
            raise self._pages.unreadable(f"the page has {len(page.events)} events, asked for {self._source.page_limit}")
        return page


def stored_page(name: str, content: bytes, site: str) -> Page:
    """The page that was landed under ``name``, read as if it came now from ``site``.

    Raises:
        NotAPageError: these bytes are no page.
    """
    return Page(name, content, read_records(content, site))
