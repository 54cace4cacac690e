"""POST an event to a webhook: CloudEvents in structured mode, signed as Standard Webhooks says.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md (3.2)
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.auth import AuthBase

from syncline.errors import ConfigurationError
from syncline.notices.event import Outcome
from syncline.partner_http import CallFailed, CertificateRefused, PartnerHttp

if TYPE_CHECKING:
    from requests import PreparedRequest

    from syncline.clock import Clock
    from syncline.connections import Connection
    from syncline.notices.event import Bundle

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
SECRET_PREFIX = "whsec_"
SECRET_BYTES_MIN = 24  # the specification's bounds
SECRET_BYTES_MAX = 64
ANSWER_BYTES_MAX = 65_536
LOOPBACK = ("127.0.0.1", "localhost", "::1")
GONE = 410
# It judged the event: another one may well be taken.
REFUSED = frozenset({400, 405, 406, 409, 411, 413, 414, 415, 422, 431, 451})


class Signature(AuthBase):
    """``v1`` of Standard Webhooks over the very bytes that go out. The stamp is wall-clock time: receivers check it."""

    def __init__(self, secret: bytes, wall_clock: Clock) -> None:
        self._secret, self._wall_clock = secret, wall_clock

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        stamp = str(int(self._wall_clock.now().timestamp()))
        signed = b".".join((str(request.headers["webhook-id"]).encode(), stamp.encode(), body))
        digest = hmac.new(self._secret, signed, hashlib.sha256).digest()
        request.headers["webhook-timestamp"] = stamp
        request.headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
        return request


class Webhook:
    """One receiver. Only a 2xx is a delivery; a redirect is none, and is not followed."""

    def __init__(self, connection: Connection, wall_clock: Clock, timeout_s: float) -> None:
        """Raises ConfigurationError: no https address, or no secret of 24 to 64 bytes."""
        self._http = PartnerHttp(_https_url(connection), Signature(_secret(connection), wall_clock))
        self._path = _path(connection)
        self._timeout_s = timeout_s

    def close(self) -> None:
        self._http.close()

    def deliver(self, bundle: Bundle) -> Outcome:
        """POST its one event; the id is the event's in every try."""
        (event,) = bundle.events
        headers = {"Content-Type": CONTENT_TYPE, "webhook-id": event.event_id}
        try:
            answer = self._http.call(
                "POST", self._path, body=event.as_cloud_event(), headers=headers,
                timeout_s=self._timeout_s, bytes_max=ANSWER_BYTES_MAX,
            )  # fmt: skip
        except CertificateRefused as error:
            return Outcome("failed", error.why)
        except CallFailed as error:
            # Also after a 2xx whose body is nonsense: it may have been taken, so it is repeated.
            return Outcome("failed", f"no whole answer: {error.why}")
        return judged(answer.status_code, answer.retry_after_s)


def judged(code: int, retry_after_s: float | None) -> Outcome:
    """What a status code says; nothing in the body counts, and nothing of it is kept."""
    told = f"it answered {code}"
    if 200 <= code < 300:
        return Outcome("delivered", told, code)
    if code == GONE:
        return Outcome("gone", told, code)
    if code in REFUSED:
        return Outcome("refused", told, code)
    asked_s = retry_after_s if code in (429, 503) else None
    if code == 429 and asked_s is None:
        asked_s = 0.0  # slow down, as the back-off says
    return Outcome("failed", told, code, asked_s)


def _secret(connection: Connection) -> bytes:
    text = connection.password.removeprefix(SECRET_PREFIX)
    try:
        secret = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        return secret
    raise ConfigurationError(
        f"Connection {connection.conn_id!r} has no webhook secret of 24 to 64 bytes as its password.",
        next_step=f"Write {SECRET_PREFIX} and base64 of random bytes into password, and give the receiver the same.",
        conn_id=connection.conn_id,
    )


def _https_url(connection: Connection) -> str:
    try:
        parts = urlsplit(connection.base_url())
        host = parts.hostname
    except ValueError:
        host = None
    if host and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        return connection.base_url()
    raise ConfigurationError(
        f"Connection {connection.conn_id!r} has no https address.",
        next_step="Write an address that begins with https:// into host, or `https` into schema.",
        conn_id=connection.conn_id,
    )


def _path(connection: Connection) -> str:
    path = connection.extra.get("path", "/")
    if isinstance(path, str) and path.startswith("/") and path.isascii() and path.isprintable() and " " not in path:
        return path
    raise ConfigurationError(
        f"Connection {connection.conn_id!r}: `path` of extra is no path.",
        next_step="Write the part of the address behind the host, beginning with /.",
        conn_id=connection.conn_id,
    )
