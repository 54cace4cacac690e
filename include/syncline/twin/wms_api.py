"""The WMS API of one site: its event log, read with a keyset cursor."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse

if TYPE_CHECKING:
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

    return routes


def _epoch_ms(text: str) -> float:
    """Epoch milliseconds of an ISO 8601 instant with a zone; a fraction stays for finer instants."""
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError(text)
    except ValueError:
        message = "posted_from is an ISO 8601 instant with a zone, such as 2026-11-02T10:00:00.123Z."
        raise HTTPException(422, {"code": "invalid", "message": message}) from None
    since = instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds) / 1000
