"""HTTP client of the WMS API. Every answer is limited in time, size and kind before it is believed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.partner_http import Answer, CallFailed, CertificateRefused, PartnerHttp, bearer
from syncline.partner_tries import tries
from syncline.registry import Source
from syncline.sources.wms_api.mapping import Key
from syncline.sources.wms_api.records import NotAPageError, Records, read_records

PAGE_BYTES_MAX = 16 * 1024 * 1024


class _PageUnreadable(PartnerUnavailable):
    """An answer that came whole or cut but cannot be read: asked for again, and refused for good after the tries."""


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
        self._http = http
        self._source = source
        self._path = f"/wms/v1/{source.site}/events"

    def __enter__(self) -> WmsClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def page(self, after: Key) -> Page:
        """Events strictly after ``after`` (with an empty event id: from its instant on), at most ``page_limit``.

        Raises:
            PartnerUnavailable: no usable answer after all tries (time-out, closed, 429, 5xx); says when to retry.
            PartnerContractBroken: every try brought something that is not a page, or the request itself is refused.
            ConfigurationError: the token is refused, or the address redirects elsewhere.
        """
        number = self._source.retries + 1
        try:
            return tries(number)(self._ask, after)
        except _PageUnreadable as error:
            raise PartnerContractBroken(
                f"{error.message} The same for {number} tries; the cursor has not moved.",
                next_step=f"Show the answer of GET {self._path} to the owner of {self._source.name}.",
                source=self._source.name,
            ) from None

    def _ask(self, after: Key) -> Page:
        posted_from = after.posted_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        query = {"posted_from": posted_from, "after_id": after.event_id, "limit": str(self._source.page_limit)}
        try:
            answer = self._http.call(
                "GET", self._path, params=query, timeout_s=self._source.timeout_s, bytes_max=PAGE_BYTES_MAX
            )
        except CertificateRefused as error:
            raise ConfigurationError(
                f"{self._source.name}: no answer to GET {self._path}: {error.why}.",
                next_step="Ask the partner to renew it, install its authority, or correct the host of the connection.",
                source=self._source.name,
            ) from None
        except CallFailed as error:
            if error.is_malformed:
                raise self._unreadable(error.why) from None
            raise PartnerUnavailable(
                f"{self._source.name}: no answer to GET {self._path} ({error.why}).",
                next_step="Nothing was read; the next run asks again. If it lasts, check the partner and the network,"
                " or lower page_limit.",
                source=self._source.name,
            ) from None
        self._refuse_errors(answer)
        page = self._records(answer.content)
        name = f"GET {self._path}?posted_from={posted_from}&after_id={after.event_id}&limit={self._source.page_limit}"
        return Page(name, answer.content, page)

    def _records(self, content: bytes) -> Records:
        try:
            page = read_records(content, self._source.site or "")
        except NotAPageError as error:
            raise self._unreadable(str(error)) from None
        if len(page.events) > self._source.page_limit:
            raise self._unreadable(f"the page has {len(page.events)} events, asked for {self._source.page_limit}")
        return page

    def _refuse_errors(self, answer: Answer) -> None:
        status, name = answer.status_code, self._source.name
        if status == 200:
            if "json" not in answer.headers.get("Content-Type", "").lower():
                raise self._unreadable(f"the answer is {answer.headers.get('Content-Type', 'of no type')[:60]!r}")
            return
        if status == 429 or status >= 500:
            raise PartnerUnavailable(
                f"{name}: GET {self._path} answered {status}.",
                next_step="Nothing was read; the next run asks again.",
                retry_after_s=answer.retry_after_s,
                source=name,
                status=status,
            )
        if status in (401, 403):
            raise ConfigurationError(
                f"{name}: GET {self._path} answered {status}: the token is refused.",
                next_step=f"Put a valid token into connection {self._source.conn_id!r}.",
                source=name,
                status=status,
            )
        if 300 <= status < 400:
            raise ConfigurationError(
                f"{name}: GET {self._path} answered a redirect ({status}), which is not followed.",
                next_step=f"Put the final address into connection {self._source.conn_id!r}.",
                source=name,
                status=status,
            )
        is_strange = status < 300
        raise PartnerContractBroken(
            f"{name}: GET {self._path} answered {status}{_error_code(answer)}.",
            next_step=f"Show it to the owner of {name}: only a 200 has a page; the cursor has not moved."
            if is_strange
            else f"Check `site` and `page_limit` of {name} in the registry; the cursor has not moved.",
            source=name,
            status=status,
        )

    def _unreadable(self, why: str) -> _PageUnreadable:
        return _PageUnreadable(f"{self._source.name}: GET {self._path}: {why}.", source=self._source.name)


def stored_page(name: str, content: bytes, site: str) -> Page:
    """The page that was landed under ``name``, read as if it came now from ``site``.

    Raises:
        NotAPageError: these bytes are no page.
    """
    return Page(name, content, read_records(content, site))


def _error_code(answer: Answer) -> str:
    """`` (code)`` from the error body of the contract, nothing when there is none."""
    try:
        code = json.loads(answer.content)["error"]["code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return f" ({code})" if isinstance(code, str) and code.isidentifier() and len(code) <= 40 else ""
