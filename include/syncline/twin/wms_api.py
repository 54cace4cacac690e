"""The WMS API of one site: its event log, read with a keyset cursor, and its book at an instant, in pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse

from syncline.twin.balance_pages import Asked, Lines, State, asked
from syncline.twin.ledger import Key
from syncline.twin.network import MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncline.twin.serving import Serving


def router(serving: Serving, location: str) -> APIRouter:
    routes = APIRouter()

    @routes.get(f"/wms/v1/{location}/events")
    async def events(
        posted_from: Annotated[str, Query(max_length=40)],
        after_id: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
    ) -> JSONResponse:
        now_ms = serving.advance()
        found, has_more = serving.world.books.logs[location].page(_epoch_ms(posted_from), after_id, limit, now_ms)
        # A response, not a dict: FastAPI would walk through every field of 500 events before it encodes them.
        return JSONResponse({"events": [posted.body for posted in found], "has_more": has_more})

    state = State(location, {"locations": [location], "measures": list(MEASURES)}, _book_of(serving, location))

    @routes.get(f"/wms/v1/{location}/balances")
    async def balances(
        as_of: Annotated[str, Query(max_length=40)] = "",
        page_token: Annotated[str, Query(max_length=80)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> JSONResponse:
        now_ms = serving.advance()
        request = asked(page_token, lambda: Asked(as_of_ms_of(as_of, now_ms), limit))
        rng = serving.world.day.stream(f"full state/{location}/{request.as_of_ms}")
        return state.answer(request, serving.world.faults, serving.world.count, rng)

    return routes


def _book_of(serving: Serving, location: str) -> Callable[[int], Lines]:
    """What the site's WMS holds true at an instant: what is not there is 0, and is not told."""

    def lines_at(as_of_ms: int) -> Lines:
        ledger = serving.world.books.ledger
        found = (
            (item.sku, measure, ledger.balance_at(Key(location, item.sku, measure), as_of_ms))
            for item in serving.world.day.network.items
            for measure in MEASURES
        )
        return [
            {"sku": sku, "measure": measure, "uom": "EA", "quantity": quantity}
            for sku, measure, quantity in found
            if quantity
        ]

    return lines_at


def as_of_ms_of(text: str, now_ms: int) -> int:
    """The instant that was asked for, now when none was; 422 for one of the future, of which nothing is known."""
    if not text:
        return now_ms
    if (as_of_ms := int(_epoch_ms(text))) > now_ms:
        raise HTTPException(422, {"code": "future", "message": "as_of is later than the clock of this service."})
    return as_of_ms


def _epoch_ms(text: str) -> float:
    """Epoch milliseconds of an ISO 8601 instant with a zone; a fraction stays for finer instants."""
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError(text)
    except ValueError:
        message = f"{text[:40]!r} is no ISO 8601 instant with a zone, such as 2026-11-02T10:00:00.123Z."
        raise HTTPException(422, {"code": "invalid", "message": message}) from None
    since = instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds) / 1000
