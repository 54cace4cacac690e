"""HTTP to a target: bearer token, total deadline, size cap, no redirect, no retry of its own."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import requests
from requests.auth import AuthBase

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, RetryableError

BODY_MAX_BYTES = 4_000_000
CONNECT_S = 3.0
RETRY_AFTER_MAX_S = 300.0
CHUNK_BYTES = 65_536
AUTH_REFUSED = (401, 403)
SLOW_DOWN = 429
SERVER_ERROR = 500


@dataclass(frozen=True)
class Answer:
    """A complete answer; ``body`` is parsed JSON, None when it is not JSON."""

    status_code: int
    body: Any
    retry_after_s: float | None


class NoAnswer(RetryableError):
    """Closed, timed out, cut short, too large: whether the request took effect is not known."""


class _Bearer(AuthBase):
    # An auth object, not a session header: with a header, a netrc file would silently replace the token.
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class TargetHttp:
    """One target's server. Not shared between threads."""

    def __init__(self, target: str, base_url: str, token: str) -> None:
        self.target = target
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        self._session.headers["Accept"] = "application/json"

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        params: dict[str, int] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request.

        Raises:
            NoAnswer: nothing usable came back inside ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        try:
            with self._session.request(
                method, self._base_url + path, params=params, json=body, headers=headers, stream=True,
                timeout=(min(CONNECT_S, timeout_s), timeout_s), allow_redirects=False,
            ) as response:  # fmt: skip
                content = self._content(response, deadline)
                return Answer(response.status_code, _json(content), _retry_after_s(response))
        except requests.RequestException as error:
            # The exception's text can hold the URL and headers of a partner: its class says enough.
            raise self._no_answer(type(error).__name__) from None

    def get_page(self, path: str, params: dict[str, int], *, timeout_s: float) -> Any:
        """A GET whose only good answer is 200 with JSON.

        Raises:
            PartnerUnavailable: no answer, 429 or 5xx; carries ``retry_after_s``.
            ConfigurationError: the token is refused.
            PartnerContractBroken: any other answer.
        """
        try:
            answer = self.call("GET", path, timeout_s=timeout_s, params=params)
        except NoAnswer as error:
            raise PartnerUnavailable(error.message, next_step=error.next_step, target=self.target) from None
        if answer.status_code == SLOW_DOWN or answer.status_code >= SERVER_ERROR:
            raise PartnerUnavailable(
                f"Target {self.target} answers {answer.status_code} to GET {path}.",
                next_step="Nothing to do: the next run goes on from the same position.",
                retry_after_s=answer.retry_after_s,
                target=self.target,
            )
        if answer.status_code in AUTH_REFUSED:
            raise ConfigurationError(
                f"Target {self.target} refuses our token ({answer.status_code}).",
                next_step=f"Put a valid token into connection {self.target!r}.",
                target=self.target,
            )
        if answer.status_code != requests.codes.ok or answer.body is None:
            raise PartnerContractBroken(
                f"Target {self.target} answers {answer.status_code} without the promised JSON to GET {path}.",
                next_step="Check the address of the connection and the partner's release notes.",
                target=self.target,
            )
        return answer.body

    def _content(self, response: requests.Response, deadline: float) -> bytes:
        content = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            content += chunk
            if len(content) > BODY_MAX_BYTES:
                raise self._no_answer(f"more than {BODY_MAX_BYTES} bytes")
            if time.monotonic() > deadline:
                raise self._no_answer("body slower than the deadline")
        declared = response.headers.get("Content-Length", "")
        # requests does not complain about a body that is shorter than announced.
        if declared.isdecimal() and "Content-Encoding" not in response.headers and int(declared) != len(content):
            raise self._no_answer("body cut short")
        return bytes(content)

    def _no_answer(self, why: str) -> NoAnswer:
        return NoAnswer(
            f"Target {self.target} gave no answer ({why}).",
            next_step="Check that it runs; the next run goes on by itself.",
            target=self.target,
        )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _retry_after_s(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    return min(float(text), RETRY_AFTER_MAX_S) if text.isdecimal() and text.isascii() and len(text) <= 6 else None
