"""HTTP client of an ERP's orders API: the list of what changed of order lines, behind a position.

A page is ``{"orders": [...], "next": N, "has_more": bool}``. Positions count changes from 1 and leave none out, so
``next`` is the position that was asked for and the number of lines of the page: a page that says otherwise lost some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.partner_http import PartnerHttp, bearer
from syncline.sources.api_pages import ApiPages
from syncline.sources.wms_api.decoding import decoded

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.registry import Source

PATH = "/erp/v1/orders"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its bytes, the request without secrets, its lines as they were written, and the position after."""

    name: str
    content: bytes
    lines: list[Any]
    next: int
    has_more: bool


def open_client(connection: Connection, source: Source) -> OrdersClient:
    """Client of ``source`` over ``connection`` (``password`` is the bearer token). Close it after use."""
    return OrdersClient(PartnerHttp(connection.base_url(), bearer(connection.password)), source)


class OrdersClient:
    """``page`` asks for one page of changes; a context manager that closes its connections."""

    def __init__(self, http: PartnerHttp, source: Source) -> None:
        self._source = source
        self._pages = ApiPages(http, source, PATH)

    def __enter__(self) -> OrdersClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._pages.close()

    def page(self, after: int) -> Page:
        """The changes behind position ``after``, at most ``page_limit``.

        Raises:
            PartnerUnavailable, PartnerContractBroken, ConfigurationError: see ``ApiPages.ask``.
        """
        query = {"after": str(after), "limit": str(self._source.page_limit)}
        content, (lines, has_more) = self._pages.ask(query, lambda body: self._read(body, after))
        name = f"GET {PATH}?after={after}&limit={self._source.page_limit}"
        return Page(name, content, lines, after + len(lines), has_more)

    def _read(self, content: bytes, after: int) -> tuple[list[Any], bool]:
        try:
            body = decoded(content)
        except (ValueError, RecursionError) as error:
            what = f"the body is not JSON ({type(error).__name__}, {len(content)} bytes)"
            raise self._pages.unreadable(what) from None
        if not isinstance(body, dict) or not isinstance(body.get("orders"), list):
            raise self._pages.unreadable("the body has no list `orders`")
        lines, position, has_more = body["orders"], body.get("next"), body.get("has_more")
        if not isinstance(has_more, bool):
            raise self._pages.unreadable("`has_more` is not true or false")
        if len(lines) > self._source.page_limit:
            raise self._pages.unreadable(f"the page has {len(lines)} lines, asked for {self._source.page_limit}")
        if type(position) is not int or position != after + len(lines):
            raise self._pages.unreadable(f"`next` is not {after + len(lines)}, which is `after` and the lines told")
        if has_more and not lines:
            raise self._pages.unreadable("says has_more but leads no further")
        return lines, has_more
