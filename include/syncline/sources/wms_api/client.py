"""HTTP client of the WMS API. Every answer is limited in time, size and kind before it is believed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import requests
import tenacity
from urllib3.exceptions import HTTPError

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.registry import Source
from syncline.sources.wms_api.mapping import Key

PAGE_BYTES_MAX = 16 * 1024 * 1024
ERROR_BYTES_MAX = 4096
CHUNK_BYTES = 65_536
BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 20.0
# Longer than this the task gives its slot back and the next run asks again.
RETRY_AFTER_MAX_S = 30.0


class _PageUnreadable(PartnerUnavailable):
    """An answer that came whole or cut but cannot be read: asked for again, and refused for good after the tries."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its bytes, the request without secrets, and the decoded records of any shape."""

    name: str
    content: bytes
    events: list[Any]
    has_more: bool


class _Bearer(requests.auth.AuthBase):
    """An auth object, because requests lets a .netrc entry replace a plain Authorization header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def open_client(connection: Connection, source: Source) -> WmsClient:
    """Client of ``source`` over ``connection`` (``password`` is the bearer token). Close it after use."""
    session = requests.Session()
    session.auth = _Bearer(connection.password)
    return WmsClient(session, connection.base_url(), source)


class WmsClient:
    """``page`` asks for one page of events of one site; a context manager that closes its session."""

    def __init__(self, session: requests.Session, base_url: str, source: Source) -> None:
        self._session = session
        self._source = source
        self._path = f"/wms/v1/{source.site}/events"
        self._url = base_url.rstrip("/") + self._path

    def __enter__(self) -> WmsClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def page(self, after: Key) -> Page:
        """Events strictly after ``after`` (with an empty event id: from its instant on), at most ``page_limit``.

        Raises:
            PartnerUnavailable: no usable answer after all tries (time-out, closed, 429, 5xx); says when to retry.
            PartnerContractBroken: every try brought something that is not a page, or the request itself is refused.
            ConfigurationError: the token is refused, or the address redirects elsewhere.
        """
        tries = self._source.retries + 1
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_worth_another_try),
            stop=tenacity.stop_after_attempt(tries),
            wait=_wait_s,
            reraise=True,
        )
        try:
            return retrying(self._ask, after)
        except _PageUnreadable as error:
            raise PartnerContractBroken(
                f"{error.message} The same for {tries} tries; the cursor has not moved.",
                next_step=f"Show the answer of GET {self._path} to the owner of {self._source.name}.",
                source=self._source.name,
            ) from None

    def _ask(self, after: Key) -> Page:
        posted_from = after.posted_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        query = {"posted_from": posted_from, "after_id": after.event_id, "limit": str(self._source.page_limit)}
        deadline_s = time.monotonic() + self._source.timeout_s
        try:
            with self._session.get(
                self._url,
                params=query,
                timeout=(self._source.timeout_s, self._source.timeout_s),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                allow_redirects=False,
                stream=True,
            ) as answer:
                self._refuse_errors(answer, deadline_s)
                content = self._body(answer, deadline_s, PAGE_BYTES_MAX)
        except (requests.RequestException, HTTPError, OSError) as error:
            # The exception's own text may hold the address with its query; its kind is enough.
            raise PartnerUnavailable(
                f"{self._source.name}: no answer to GET {self._path} ({type(error).__name__}).",
                next_step="Nothing was read; the next run asks again. If it lasts, check the partner and the network.",
                source=self._source.name,
            ) from None
        events, has_more = self._records(content)
        name = f"GET {self._path}?posted_from={posted_from}&after_id={after.event_id}&limit={self._source.page_limit}"
        return Page(name, content, events, has_more)

    def _body(self, answer: requests.Response, deadline_s: float, bytes_max: int) -> bytes:
        """The body, read as it arrives so that a dripping or endless one is cut at the deadline or the cap."""
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise self._unreadable("the body is compressed, which was not asked for")
        chunks: list[bytes] = []
        size = 0
        while chunk := answer.raw.read1(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > bytes_max:
                raise self._unreadable(f"the body is longer than {bytes_max} bytes")
            if time.monotonic() > deadline_s:
                raise PartnerUnavailable(
                    f"{self._source.name}: an answer took over {self._source.timeout_s} s ({size} bytes so far).",
                    next_step="The next run asks again. If it lasts, lower page_limit or raise timeout_s.",
                    source=self._source.name,
                )
        declared = answer.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) != size:
            raise self._unreadable(f"the body has {size} bytes where Content-Length says {declared[:20]}")
        return b"".join(chunks)

    def _records(self, content: bytes) -> tuple[list[Any], bool]:
        try:
            page = _decoded(content)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(f"the body is not JSON ({type(error).__name__}, {len(content)} bytes)") from None
        if not isinstance(page, dict) or not isinstance(page.get("events"), list):
            raise self._unreadable("the body has no list `events`")
        if not isinstance(page.get("has_more"), bool):
            raise self._unreadable("`has_more` is not true or false")
        if len(page["events"]) > self._source.page_limit:
            raise self._unreadable(f"the page has {len(page['events'])} events, asked for {self._source.page_limit}")
        return page["events"], page["has_more"]

    def _refuse_errors(self, answer: requests.Response, deadline_s: float) -> None:
        status, name = answer.status_code, self._source.name
        if status == 200:
            if "json" not in answer.headers.get("Content-Type", "").lower():
                raise self._unreadable(f"the answer is {answer.headers.get('Content-Type', 'of no type')[:60]!r}")
            return
        if status == 429 or status >= 500:
            raise PartnerUnavailable(
                f"{name}: GET {self._path} answered {status}.",
                next_step="Nothing was read; the next run asks again.",
                retry_after_s=_retry_after_s(answer),
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
        code = self._error_code(answer, deadline_s)
        raise PartnerContractBroken(
            f"{name}: GET {self._path} answered {status}{code}.",
            next_step=f"Check `site` and `page_limit` of {name} in the registry; the cursor has not moved.",
            source=name,
            status=status,
        )

    def _error_code(self, answer: requests.Response, deadline_s: float) -> str:
        """`` (code)`` from the error body of the contract, nothing when there is none."""
        try:
            code = json.loads(self._body(answer, deadline_s, ERROR_BYTES_MAX))["error"]["code"]
        except (ValueError, TypeError, KeyError, RecursionError, PartnerUnavailable):
            return ""
        return f" ({code})" if isinstance(code, str) and code.isidentifier() and len(code) <= 40 else ""

    def _unreadable(self, why: str) -> _PageUnreadable:
        return _PageUnreadable(f"{self._source.name}: GET {self._path}: {why}.", source=self._source.name)


def _decoded(content: bytes) -> Any:
    """JSON with every number that has a point as text: a quantity is an integer or it breaks its contract."""
    try:
        return json.loads(content, parse_float=str, parse_constant=str)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses to read a number of thousands of digits; one such record must not cost the page.
        return json.loads(content, parse_float=str, parse_constant=str, parse_int=_integer_or_text)


def _integer_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) <= 20 else digits[:40]


def _retry_after_s(answer: requests.Response) -> float | None:
    """Seconds of ``Retry-After``; its date form is not in the contract and is ignored."""
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdigit() and len(value) <= 6 else None


def _is_worth_another_try(error: BaseException) -> bool:
    return isinstance(error, PartnerUnavailable) and (error.retry_after_s or 0) <= RETRY_AFTER_MAX_S


def _wait_s(state: tenacity.RetryCallState) -> float:
    """Full jitter under an exponential roof, and never less than the partner asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.retry_after_s if isinstance(error, PartnerUnavailable) else None
    jitter_s = tenacity.wait_random_exponential(multiplier=BACKOFF_FIRST_S, max=BACKOFF_MAX_S)(state)
    return jitter_s if asked_s is None else asked_s + min(jitter_s, 1.0)
