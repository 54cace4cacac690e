"""HTTP client of a full state in pages. Every answer is limited in time, size and kind before it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.partner_http import Answer, CallFailed, CertificateRefused, PartnerHttp, bearer
from syncline.partner_tries import tries
from syncline.targets.governance.governor import Heard, Ungoverned
from syncline.targets.http import NotSent

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.reconcile.books import Books
    from syncline.targets.governance.governor import Governor

PAGE_BYTES_MAX = 16 * 1024 * 1024
OK, UNAUTHORIZED, SLOW_DOWN, SERVER_ERROR = 200, 401, 429, 500
REFUSED = (401, 403)


class PageUnreadable(PartnerUnavailable):
    """An answer that is none: compressed, cut, too long. Asked for again; what was read before it proves nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes of one page and the tag of the state that the server says it is of."""

    content: bytes
    etag: str


def open_client(connection: Connection, books: Books, governor: Governor | None = None) -> BalancesClient:
    """Client of ``books`` over ``connection`` (``password`` is the bearer token). Close it after use."""
    return BalancesClient(PartnerHttp(connection.base_url(), bearer(connection.password)), books, governor)


class BalancesClient:
    """``page`` asks for one page; a context manager. ``governor`` is asked before each request (ADR 0022)."""

    def __init__(self, http: PartnerHttp, books: Books, governor: Governor | None = None) -> None:
        self._http, self._books, self._governor = http, books, governor or Ungoverned()

    def __enter__(self) -> BalancesClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def page(self, as_of: str, token: str | None) -> Answered:
        """The first page of the state at ``as_of``, or the one that ``token`` stands for.

        Raises:
            PageUnreadable: every try brought something that is no answer.
            PartnerUnavailable: no usable answer after all tries (time-out, closed, 429, 5xx); says when to retry.
            PartnerContractBroken: the request itself is refused.
            ConfigurationError: the token is refused, or the address redirects elsewhere.
        """
        asked = {"as_of": as_of, "limit": str(self._books.balances.page_limit)}
        params = {**self._books.params, **(asked if token is None else {"page_token": token})}
        return tries(self._books.retries + 1)(self._ask, params)

    def _ask(self, params: dict[str, str]) -> Answered:
        answer = self._call(params)
        self._refuse_errors(answer)
        if "json" not in answer.headers.get("Content-Type", "").lower():
            raise self._unreadable("the answer is of another kind than JSON")
        return Answered(answer.content, answer.headers.get("ETag", ""))

    def _call(self, params: dict[str, str]) -> Answer:
        name, path = self._books.source, self._books.path
        heard: Heard | None = None
        try:
            permit = self._governor.take(float(self._books.timeout_s))
        except NotSent as error:
            raise PartnerUnavailable(
                error.message, next_step=error.next_step, retry_after_s=error.retry_after_s, source=name
            ) from None
        try:
            answer = self._http.call(
                "GET", path, params=params, timeout_s=self._books.timeout_s, bytes_max=PAGE_BYTES_MAX
            )
            heard = Heard(answer.status_code, answer.retry_after_s)
        except CertificateRefused as error:
            raise ConfigurationError(
                f"{name}: no answer to GET {path}: {error.why}.",
                next_step="Ask the partner to renew it, install its authority, or correct the host of the connection.",
                source=name,
            ) from None
        except CallFailed as error:
            heard = Heard()
            if error.is_malformed:
                raise self._unreadable(error.why) from None
            raise PartnerUnavailable(
                f"{name}: no answer to GET {path} ({error.why}).",
                next_step="Nothing was stored; the next try asks for the whole state again.",
                source=name,
            ) from None
        finally:
            self._governor.give_back(permit, heard)
        return answer

    def _refuse_errors(self, answer: Answer) -> None:
        status, name, path = answer.status_code, self._books.source, self._books.path
        if status == OK:
            return
        if status == SLOW_DOWN or status >= SERVER_ERROR:
            raise PartnerUnavailable(
                f"{name}: GET {path} answered {status}.",
                next_step="Nothing was stored; the next try asks for the whole state again.",
                retry_after_s=answer.retry_after_s,
                source=name,
                status=status,
            )
        if status in REFUSED:
            if status == UNAUTHORIZED:
                self._governor.refuse_login()
            raise ConfigurationError(
                f"{name}: GET {path} answered {status}: the token is refused.",
                next_step=f"Put a valid token into connection {self._books.conn_id!r}.",
                source=name,
                status=status,
            )
        raise PartnerContractBroken(
            f"{name}: GET {path} answered {status} where a page of balances was promised.",
            next_step=f"Show it to the owner of {name}, or take `balances` out of its registry entry.",
            source=name,
            status=status,
        )

    def _unreadable(self, why: str) -> PageUnreadable:
        return PageUnreadable(f"{self._books.source}: GET {self._books.path}: {why}.", source=self._books.source)
