"""Pull the orders of an ERP: read pages behind the cursor, land releases and their terms, move the cursor with them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from syncline.errors import PartnerContractBroken
from syncline.landing import Load, land
from syncline.landing.lane import source_lane
from syncline.loops.orders import FEED, Read, document_of, read_line, terms_of
from syncline.sources.summary import PullResult
from syncline.sources.wms_api.pull import troubles_of

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.registry import Source
    from syncline.sources.erp_orders.client import Page

POSITION_MAX = 2**62


class Pages(Protocol):
    """What ``pull`` needs of a client."""

    def page(self, after: int) -> Page: ...


def pull(conn: psycopg.Connection, client: Pages, source: Source, now: datetime) -> PullResult:
    """Land what changed of the order lines of ``source`` since the cursor, received at ``now`` (role loader).

    The cursor is {"after": position}. Each page is a load of its own: its lines, their terms and the cursor behind
    them are one transaction, so a poll that is killed goes on behind the last page that was landed.

    Raises:
        PartnerUnavailable, PartnerContractBroken, ConfigurationError: see ``OrdersClient.page``; pages read before
            the error are landed and the cursor stands behind them.
        RetryableError: another reader holds the source.
        WarehouseUnavailable: nothing of the current page was written.
    """
    with source_lane(conn, source.name) as cursor:
        after, result = _position(cursor, source), PullResult(source.name)
        for _ in range(source.pages_max):
            page = client.page(after)
            result = result.plus(land(conn, _load(page, source, now)))
            if not page.has_more:
                return result
            after = page.next
        return replace(result, is_complete=False)


def _load(page: Page, source: Source, now: datetime) -> Load:
    """``page`` with the cursor behind it; an empty one is a poll that brought nothing."""
    read = [_read(line, index) for index, line in enumerate(page.lines)]
    documents = [document_of(page.name, page.content, read)] if read else []
    return Load(
        source.name, FEED, now, documents, {"after": page.next}, not page.has_more,
        troubles=troubles_of(source, documents, FEED), beside=terms_of(source.name, read, now),
    )  # fmt: skip


def _read(line: Any, index: int) -> Read:
    try:
        # Read as the line of a file is, so that the same line is the same fact whichever way it came.
        text = json.dumps(line, separators=(",", ":")).encode()
    except RecursionError:
        text = b"too deep"
    return read_line(text, f"orders[{index}]")


def _position(cursor: dict[str, Any], source: Source) -> int:
    after = cursor.get("after", 0)
    if type(after) is not int or not 0 <= after <= POSITION_MAX:
        raise PartnerContractBroken(
            f"{source.name}: its cursor holds no position of an orders API.",
            next_step="Another kind of source had this name before: give the entry a name of its own.",
            source=source.name,
        )
    return after
