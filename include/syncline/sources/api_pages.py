"""GET of one page of a partner's API: every answer is limited in time and size, and judged before it is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.partner_http import Answer, CallFailed, CertificateRefused, PartnerHttp
from syncline.partner_tries import tries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncline.registry import Source

PAGE_BYTES_MAX = 16 * 1024 * 1024
T = TypeVar("T")


class PageUnreadable(PartnerUnavailable):
    """An answer that came whole or cut but cannot be read: asked for again, and refused for good after the tries."""


class ApiPages:
    """Pages of one path of ``source``. Close it after use."""

    def __init__(self, http: PartnerHttp, source: Source, path: str) -> None:
        self._http, self._source, self._path = http, source, path

    def close(self) -> None:
        self._http.close()

    def ask(self, query: Mapping[str, str], read: Callable[[bytes], T]) -> tuple[bytes, T]:
        """The body of an answer and what ``read`` makes of it; ``read`` raises ``unreadable`` for what is no page.

        Raises:
            PartnerUnavailable: no usable answer after all tries (time-out, closed, 429, 5xx); says when to retry.
            PartnerContractBroken: every try brought something that is not a page, or the request itself is refused.
            ConfigurationError: the token is refused, or the address redirects elsewhere.
        """
        number = self._source.retries + 1
        try:
            return tries(number)(self._ask, query, read)
        except PageUnreadable as error:
            raise PartnerContractBroken(
                f"{error.message} The same for {number} tries; the cursor has not moved.",
                next_step=f"Show the answer of GET {self._path} to the owner of {self._source.name}.",
                source=self._source.name,
            ) from None

    def unreadable(self, why: str) -> PageUnreadable:
        """The error that says ``why`` an answer is no page."""
        return PageUnreadable(f"{self._source.name}: GET {self._path}: {why}.", source=self._source.name)

    def _ask(self, query: Mapping[str, str], read: Callable[[bytes], T]) -> tuple[bytes, T]:
        try:
            answer = self._http.call(
                "GET", self._path, params=dict(query), timeout_s=self._source.timeout_s, bytes_max=PAGE_BYTES_MAX
            )
        except CertificateRefused as error:
            raise ConfigurationError(
                f"{self._source.name}: no answer to GET {self._path}: {error.why}.",
                next_step="Ask the partner to renew it, install its authority, or correct the host of the connection.",
                source=self._source.name,
            ) from None
        except CallFailed as error:
            if error.is_malformed:
                raise self.unreadable(error.why) from None
            raise PartnerUnavailable(
                f"{self._source.name}: no answer to GET {self._path} ({error.why}).",
                next_step="Nothing was read; the next run asks again. If it lasts, check the partner and the network,"
                " or lower page_limit.",
                source=self._source.name,
            ) from None
        self._refuse_errors(answer)
        return answer.content, read(answer.content)

    def _refuse_errors(self, answer: Answer) -> None:
        status, name = answer.status_code, self._source.name
        if status == 200:
            if "json" not in answer.headers.get("Content-Type", "").lower():
                raise self.unreadable(f"the answer is {answer.headers.get('Content-Type', 'of no type')[:60]!r}")
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
            else f"Check `page_limit` and, of a WMS, `site` of {name} in the registry; the cursor has not moved.",
            source=name,
            status=status,
        )


def _error_code(answer: Answer) -> str:
    """`` (code)`` from the error body of the contract, nothing when there is none."""
    try:
        code = json.loads(answer.content)["error"]["code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return f" ({code})" if isinstance(code, str) and code.isidentifier() and len(code) <= 40 else ""
