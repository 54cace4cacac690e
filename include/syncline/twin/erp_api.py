"""The ERP API: change list, balances, adjustments, orders.

Handlers that block on Postgres run in threads; that of orders reads the world, so it runs in the event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from syncline.twin.balance_pages import Asked, Lines, State, asked
from syncline.twin.erp_books import ErpRefusal, Line
from syncline.twin.wms_api import as_of_ms_of

if TYPE_CHECKING:
    from syncline.twin.serving import Serving

DELTA_MAX = 1_000_000_000
MEASURE = "financial"  # what its books are about: on hand without what belongs to others


class AdjustmentLine(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    reference: str = Field(min_length=1, max_length=200)
    item: str = Field(min_length=1, max_length=100)
    location: str = Field(min_length=1, max_length=100)
    delta: int = Field(ge=-DELTA_MAX, le=DELTA_MAX)


class Adjustment(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    lines: list[AdjustmentLine] = Field(min_length=1, max_length=50)


def router(serving: Serving) -> APIRouter:
    routes = APIRouter(prefix="/erp/v1")

    @routes.get("/changes")
    def changes(
        after: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 1000
    ) -> dict[str, Any]:
        found, has_more = serving.erp.changes(after, limit)
        return {"changes": found, "has_more": has_more}

    @routes.get("/orders")
    async def orders(
        after: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Annotated[int, Query(ge=1, le=500)] = 500
    ) -> dict[str, Any]:
        serving.advance()
        return serving.world.orders.list.page(after, limit)

    @routes.get("/balances")
    def balances(
        as_of: Annotated[str, Query(max_length=40)] = "",
        location: Annotated[str, Query(max_length=100)] = "",
        page_token: Annotated[str, Query(max_length=80)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> JSONResponse:
        now_ms, erp = serving.now_ms(), serving.erp

        def first() -> Asked:
            as_of_ms = as_of_ms_of(as_of, now_ms)
            return Asked(as_of_ms, limit, mark=erp.position_at(as_of_ms))

        request = asked(page_token, first)
        places = [location] if location else sorted(serving.world.day.network.locations)

        def lines_at(as_of_ms: int) -> Lines:
            # Another as-of than the one that was asked for is that of a fault: its place is looked up.
            mark = request.mark if as_of_ms == request.as_of_ms else erp.position_at(as_of_ms)
            return erp.balances(mark, places)

        state = State(f"erp/{location}", {"locations": places, "measures": [MEASURE]}, lines_at)
        rng = serving.world.day.stream(f"full state/erp/{location}/{request.as_of_ms}")
        return state.answer(request, serving.world.faults, serving.world.count, rng)

    @routes.post("/adjustments")
    def adjust(
        adjustment: Adjustment, idempotency_key: Annotated[str, Header(min_length=1, max_length=200)]
    ) -> dict[str, Any]:
        references = [line.reference for line in adjustment.lines]
        if len(set(references)) != len(references) or any(line.delta == 0 for line in adjustment.lines):
            raise HTTPException(422, {"code": "invalid", "message": "A reference appears twice, or a delta is 0."})
        lines = [Line(line.reference, line.item, line.location, line.delta) for line in adjustment.lines]
        try:
            return {"lines": serving.erp.adjust(idempotency_key, lines, serving.now_ms())}
        except ErpRefusal as refusal:
            raise HTTPException(refusal.status, {"code": refusal.code, "message": refusal.message}) from refusal

    return routes
