"""Routes of the exceptions desk."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query

from syncline.api.bodies import DECISIONS, Listed, Shown, Wanted
from syncline.api.keys import ApiKey
from syncline.decisions import land_write_offs
from syncline.errors import RetryableError
from syncline.exceptions import desk, resolving
from syncline.exceptions.desk import By
from syncline.exceptions.listing import LIST_MAX, Filter, changes, evidence, search
from syncline.exceptions.model import Kept

if TYPE_CHECKING:
    import psycopg

    from syncline.api.app import Parts

log = logging.getLogger(__name__)
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Word = Annotated[str, Query(min_length=1, max_length=200)]
StateName = Literal["open", "acknowledged", "snoozed", "reopened", "resolved"]


def router(parts: Parts) -> APIRouter:
    """Every route says which scope it asks for."""
    routes = APIRouter(prefix="/v1/exceptions", tags=["exceptions"])

    reads = [parts.needs("exceptions:read")]
    changes_it = parts.needs("exceptions:work", "exceptions:decide")

    @routes.get("", summary="List exceptions, what asks for somebody first", dependencies=reads)
    def list_them(
        state: Annotated[list[StateName] | None, Query(max_length=5)] = None,
        rule: Word | None = None, team: Word | None = None, owner: Word | None = None, severity: Word | None = None,
        source: Word | None = None, target: Word | None = None, item: Word | None = None,
        location: Word | None = None, overdue: bool = False,
        limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = 100, skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Listed:  # fmt: skip
        wanted = Filter(
            tuple(state or ()), rule, team, owner, severity, source, target, item, location, overdue
        )  # fmt: skip
        with parts.warehouse("bi") as conn:
            found = search(conn, wanted, parts.now(), limit + 1, skip)
        return Listed(exceptions=found[:limit], next_skip=skip + limit if len(found) > limit else None)

    @routes.get("/{number}", summary="Show one exception", dependencies=reads)
    def show(number: Number) -> Shown:
        with parts.warehouse("bi") as conn:
            kept = desk.get(conn, number, parts.now())
            return Shown(exception=kept, changes=changes(conn, number), evidence=evidence(conn, number))

    @routes.post("/{number}/changes", summary="Take, assign, comment, snooze, reopen or end an exception")
    def change(
        number: Number, wanted: Wanted, key: ApiKey = changes_it,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=50, pattern=r"^[!-~]+$")] = None,
    ) -> Kept:  # fmt: skip
        parts.permit(key, "exceptions:decide" if wanted.action in DECISIONS else "exceptions:work")
        name = f"{wanted.by} (api:{key.name})" if wanted.by else f"api:{key.name}"
        request = f"{key.name}:{idempotency_key}" if idempotency_key else None
        by = By(name, parts.now(), request, wanted.version)
        with parts.warehouse("transformer") as conn:
            kept = _do(conn, number, wanted, by)
        if wanted.action == "write off":
            _land(parts)
        return kept

    return routes


def _do(conn: psycopg.Connection, number: int, wanted: Any, by: By) -> Kept:
    """The one call of the desk that ``wanted`` names."""
    match wanted.action:
        case "take":
            return desk.take(conn, number, by, wanted.note)
        case "assign":
            return desk.assign(conn, number, by, owner=wanted.owner, team=wanted.team, note=wanted.note)
        case "comment":
            return desk.comment(conn, number, by, wanted.note, document=wanted.document)
        case "snooze":
            return desk.snooze(conn, number, by, wanted.until, wanted.note)
        case "reopen":
            return desk.reopen(conn, number, by, wanted.note)
        case _:
            return _end(conn, number, wanted, by)


def _end(conn: psycopg.Connection, number: int, wanted: Any, by: By) -> Kept:
    match wanted.action:
        case "accept":
            return resolving.accept(conn, number, by, wanted.note)
        case "correct":
            return resolving.correct(conn, number, by, wanted.note)
        case "write off":
            return resolving.write_off(conn, number, by, wanted.note, wanted.quantity)
        case _:
            return resolving.ask_partner(
                conn, number, by, wanted.question, partner=wanted.partner, due=wanted.due
            )  # fmt: skip


def _land(parts: Parts) -> None:
    """The decision is stored; when this fails, the next write-off of anybody, or `syncline decide`, lands it."""
    try:
        with parts.warehouse("loader") as conn:
            land_write_offs(conn)
    except RetryableError as error:
        log.warning("a write-off waits to be landed: %s", error)
