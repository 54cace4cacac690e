"""A small stock service of nobody in particular, for the adapter that is configured instead of written.

It has what such services have: adjustments in documents whose lines are recognised by their id, numbers that are set
with an If-Match, a look-up by reference, three kinds of login. ``secret`` is the token, the password, or the secret of
the OAuth client ``CLIENT``.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from syncline.twin.vendors.book import Book, Key
    from syncline.twin.vendors.faults import VendorFaults

VERSION = "2026-03"
CLIENT = "syncline"
LINES_MAX = 50
LIFE_S = 3600
THROTTLED_S = 7


@dataclass
class Service:
    """State beside the book. ``bodies``: what each line id was first sent with. ``tokens``: those that are good."""

    book: Book
    faults: VendorFaults
    secret: str
    bodies: dict[str, tuple[Key, int]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def expire(self) -> None:
        """Forget every token."""
        self.tokens.clear()

    def is_let_in(self, request: Request) -> bool:
        kind, _, told = request.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            return compare_digest(told, base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode())
        if kind == "Bearer":
            return told in self.tokens or compare_digest(told, self.secret)
        return compare_digest(request.headers.get("X-Api-Key", ""), self.secret)

    def version(self, key: Key) -> str:
        """Moves with each change of the number, also with one that comes back."""
        return f'"{sum(1 for each in self.book.effects if (each.item, each.location) == key) + 1}"'

    def adjusted(self, line: dict[str, Any]) -> dict[str, Any]:
        """One line, recognised by its id."""
        key, told = (line["sku"], line["site"]), {"id": line["id"]}
        with self.book.lock:
            before = self.bodies.get(line["id"])
            if before is not None:
                is_same = before == (key, line["change"])
                return told | ({"status": "seen"} if is_same else {"status": "rejected", "reason": "id_reused"})
            if key not in self.book.numbers:
                return told | {"status": "rejected", "reason": "unknown_sku"}
            self.bodies[line["id"]] = (key, line["change"])
            self.book.add(key, line["change"], line["id"])
            return told | {"status": "booked"}

    def row(self, key: Key) -> dict[str, Any]:
        with self.book.lock:
            return {"sku": key[0], "site": key[1], "onHand": self.book.numbers[key], "etag": self.version(key)}


def build(book: Book, faults: VendorFaults, secret: str) -> tuple[ASGIApp, Service]:
    """The app, and its state."""
    app, service = FastAPI(openapi_url=None), Service(book, faults, secret)

    @app.post("/oauth/token")
    async def token(request: Request) -> Response:
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        service.tokens.add(made := secrets.token_urlsafe(24))
        return JSONResponse({"access_token": made, "token_type": "Bearer", "expires_in": LIFE_S})

    @app.get("/v1/about")
    def about() -> dict[str, Any]:
        return {"service": {"name": "stock of nobody", "version": VERSION}}

    @app.get("/v1/stock")
    def stock(sku: str, site: str = "") -> dict[str, Any]:
        asked = set(sku.split(","))
        with book.lock:
            return {"rows": [service.row(key) for key in book.numbers if key[0] in asked and site in ("", key[1])]}

    @app.get("/v1/stock/{site}/{sku:path}")
    def one(site: str, sku: str) -> Response:
        with book.lock:
            known = (sku, site) in book.numbers
            return JSONResponse(service.row((sku, site))) if known else _error(404, "unknown_sku")

    @app.get("/v1/adjustments")
    def adjustments(id: str) -> dict[str, Any]:
        rows = [
            {"id": id, "sku": each.item, "site": each.location, "change": each.delta, "document": f"adj-{id[:8]}"}
            for each in book.of(id)
        ]
        return {"rows": rows}

    _write_by(app, service)

    # Not a middleware of FastAPI's: that hides the connection, which faults hang up.
    async def let_in(scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["path"] == "/oauth/token" or service.is_let_in(Request(scope))
        await (app if is_open else _error(401, "unauthorized"))(scope, receive, send)

    return let_in, service


def _write_by(app: FastAPI, service: Service) -> None:
    @app.post("/v1/adjustments")
    async def adjust(request: Request) -> Response:
        lines = (await request.json())["lines"]
        return await service.faults.around(request, lambda shape: _adjusted(service, lines, shape))

    @app.put("/v1/stock/{site}/{sku:path}")
    async def put(site: str, sku: str, request: Request) -> Response:
        body, match = await request.json(), request.headers.get("If-Match")
        return await service.faults.around(request, lambda shape: _put(service, (sku, site), body, match, shape))


def _adjusted(service: Service, lines: list[dict[str, Any]], shape: str) -> Response:
    if (refused := _in_the_way(shape)) is not None:
        return refused
    if not 0 < len(lines) <= LINES_MAX:
        return _error(422, "too_many_lines")
    told = [service.adjusted(line) for line in lines]
    # In a good status: the last line's result is missing, the first one's word is of a newer version.
    if shape == "partial":
        told = [{**each, "status": "deferred"} if number == 0 else each for number, each in enumerate(told)][
            : len(told) - 1
        ]
    return JSONResponse({"results": told})


def _put(service: Service, key: Key, body: dict[str, Any], match: str | None, shape: str) -> Response:
    if (refused := _in_the_way(shape)) is not None:
        return refused
    with service.book.lock:
        if key not in service.book.numbers:
            return _error(422, "unknown_sku")
        if match is not None and match != service.version(key):
            return _error(412, "version_moved")
        if shape == "partial":  # a good status whose body tells that nothing was done
            return JSONResponse({"error": {"code": "read_only"}})
        service.book.set(key, body["onHand"], body["reference"])
        return JSONResponse(service.row(key))


def _in_the_way(shape: str) -> Response | None:
    if shape == "throttled":
        return JSONResponse({"error": {"code": "slow_down"}}, 429, {"Retry-After": str(THROTTLED_S)})
    return _error(423, "counting") if shape == "locked" else None


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code}}, status)
