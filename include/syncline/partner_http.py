"""HTTP to a partner: no redirect, and limits over the whole call instead of over each read."""

from __future__ import annotations

import logging
import ssl
import time
import zlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from syncline.heard import hear
from syncline.http_deadline import Deadline, DeadlineAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_MAX_S = 3.0
CHUNK_BYTES = 65_536
ERROR_BYTES_MAX = 65_536
# A partner that asks for more has no idea either: whoever waits looks again after this.
RETRY_AFTER_MAX_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. The content of anything but a 2xx is evidence, empty when above ``ERROR_BYTES_MAX``."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def retry_after_s(self) -> float | None:
        """Seconds of ``Retry-After``, 0 to ``RETRY_AFTER_MAX_S``; None when it is missing or makes no sense."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdecimal():
            return RETRY_AFTER_MAX_S if len(text) > 6 else min(float(text), RETRY_AFTER_MAX_S)
        try:
            # A date is compared with the partner's own: our clock may be another one.
            wait = parsedate_to_datetime(text) - parsedate_to_datetime(self.headers.get("Date", ""))
        except (ValueError, TypeError, OverflowError):
            return None
        return min(wait.total_seconds(), RETRY_AFTER_MAX_S) if wait.total_seconds() >= 0 else None


class CallFailed(Exception):
    """No answer that can be used. ``why`` holds no address, header or token.

    ``is_malformed``: something came whole that is no answer (too long, compressed, another length than it says), so
    the same may well come again. Otherwise nothing came, or not in time: whether the call took effect is not known.
    """

    def __init__(self, why: str, *, is_malformed: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_malformed = is_malformed


class CertificateRefused(CallFailed):
    """The server cannot prove that it is the partner."""


class PartnerHttp:
    """Calls to one server over kept connections. Not shared between threads; close it after use."""

    def __init__(self, base_url: str, auth: AuthBase) -> None:
        # It would log a traceback with the address for headers that are no headers; the answer is judged here.
        logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
        self._base_url = base_url.rstrip("/")
        self._deadline = Deadline()
        self._session = _Session()
        self._session.auth = auth
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter(self._deadline))

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        bytes_max: int,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, and its answer whole; ``timeout_s`` runs from here to the last byte.

        ``body`` goes as JSON, ``form`` as a form. ``headers`` may ask for gzip; the limit is that of what comes out.

        Raises:
            CallFailed, CertificateRefused: see there.
        """
        began_s = time.monotonic()
        sent = {"Accept": "application/json", "Accept-Encoding": "identity"} | dict(headers or {})
        may_be_gzip = sent["Accept-Encoding"] == "gzip"
        try:
            with (
                self._deadline.of(timeout_s),
                self._session.request(
                    method, self._base_url + path, params=params, json=body, data=form, headers=sent, stream=True,
                    timeout=(min(CONNECT_MAX_S, timeout_s), timeout_s), allow_redirects=False,
                ) as response,
            ):  # fmt: skip
                is_good = 200 <= response.status_code < 300
                content = _content(response, bytes_max, may_be_gzip) if is_good else _evidence(response)
                hear(content, response.request.headers)
        except (requests.RequestException, HTTPError, OSError) as error:
            # An exception's own text may hold the address with its query or a header; its kind is enough.
            if _is_about_certificate(error):
                raise CertificateRefused("its certificate is refused") from None
            why = f"nothing whole within {round(timeout_s, 2):g} s" if self._deadline.is_over else type(error).__name__
            raise CallFailed(why) from None
        if self._deadline.is_over or time.monotonic() - began_s > timeout_s:
            # A body without a length that the deadline has cut looks like one that has ended.
            raise CallFailed(f"nothing whole within {round(timeout_s, 2):g} s ({len(content)} bytes so far)")
        return Answer(response.status_code, response.headers, content)


def _content(response: requests.Response, bytes_max: int, may_be_gzip: bool = False) -> bytes:
    """The body, read as it arrives, so that an endless one is cut off at ``bytes_max``."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity" and not (may_be_gzip and encoding == "gzip"):
        raise CallFailed("the body is compressed, which was not asked for", is_malformed=True)
    inflating = _Inflating(bytes_max) if encoding == "gzip" else None
    chunks: list[bytes] = []
    received = size = 0
    while chunk := response.raw.read1(CHUNK_BYTES):
        received += len(chunk)
        chunks.append(inflating.inflated(chunk) if inflating else chunk)
        size += len(chunks[-1])
        if size > bytes_max:
            raise CallFailed(f"the body is longer than {bytes_max} bytes", is_malformed=True)
    declared = response.headers.get("Content-Length", "")
    if declared.isascii() and declared.isdecimal() and int(declared[:20]) != received:
        raise CallFailed(f"the body has {received} bytes where Content-Length says {declared[:20]}", is_malformed=True)
    if inflating and not inflating.is_whole:
        raise CallFailed("the compressed body is cut short", is_malformed=True)
    return b"".join(chunks)


class _Inflating:
    """A gzip stream, never held whole when it is longer than ``bytes_max``."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def inflated(self, chunk: bytes) -> bytes:
        try:
            return self._stream.decompress(chunk, self._bytes_max + 1)
        except zlib.error:
            raise CallFailed("the compressed body cannot be read", is_malformed=True) from None

    @property
    def is_whole(self) -> bool:
        """Its end has come, and nothing after it."""
        return self._stream.eof and not self._stream.unused_data


def _evidence(response: requests.Response) -> bytes:
    """What an error says of itself, as far as it can be had: its status alone is an answer already."""
    try:
        return _content(response, ERROR_BYTES_MAX)
    except (CallFailed, requests.RequestException, HTTPError, OSError):
        return b""


def _is_about_certificate(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        reason = getattr(seen, "reason", None) or (seen.args[0] if seen.args else None)
        seen = reason if isinstance(reason, BaseException) else None
    return False


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere. Also when told not to follow, requests would read the redirect's whole body, however long."""
        return


class HeaderAuth(AuthBase):
    """A secret in a header; an auth object, because requests lets a .netrc entry replace a plain header."""

    def __init__(self, name: str, secret: str) -> None:
        self._name, self._secret = name, secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._name] = self._secret
        return request


def bearer(token: str) -> HeaderAuth:
    """The usual one."""
    return HeaderAuth("Authorization", f"Bearer {token}")


class NoAuth(AuthBase):
    """A call without a secret; an auth object for the same reason."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request
