"""The shop API: change list and availability with compare-and-set."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from syncline.twin.serving import Serving


class AvailabilityLine(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    reference: str = Field(min_length=1, max_length=200)
    sku: str = Field(min_length=1, max_length=100)
    location: str = Field(min_length=1, max_length=100)
    quantity: int
    if_version: str = Field(max_length=20)


class Availability(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    lines: list[AvailabilityLine] = Field(min_length=1, max_length=50)


def router(serving: Serving) -> APIRouter:
    routes = APIRouter(prefix="/shop/v1")

    @routes.get("/changes")
    async def changes(
        after: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 1000
    ) -> dict[str, Any]:
        serving.advance()
        found, has_more = serving.world.shop.changes(after, limit)
        return {"changes": found, "has_more": has_more}

    @routes.put("/availability")
    async def put(
        availability: Availability, idempotency_key: Annotated[str, Header(min_length=1, max_length=200)]
    ) -> dict[str, Any]:
        # Orders that are due come first: the compare must see them.
        now_ms = serving.advance()
        shop = serving.world.shop
        sha = hashlib.sha256(availability.model_dump_json().encode()).hexdigest()
        if not shop.key_body(idempotency_key, sha):
            raise HTTPException(
                409, {"code": "key_reused", "message": "This Idempotency-Key came with another body before."}
            )
        return {"lines": [shop.set_line(line.model_dump(), now_ms) for line in availability.lines]}

    return routes
