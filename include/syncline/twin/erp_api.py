"""The ERP API: change list, balances, adjustments. Handlers block on Postgres, so they run in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from syncline.twin.erp_books import ErpRefusal, Line

if TYPE_CHECKING:
    from syncline.twin.serving import Serving

DELTA_MAX = 1_000_000_000


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

    @routes.get("/balances")
    def balances(
        after_item: Annotated[str, Query(max_length=100)] = "",
        after_location: Annotated[str, Query(max_length=100)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> dict[str, Any]:
        return {"balances": serving.erp.balances((after_item, after_location), limit)}

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
