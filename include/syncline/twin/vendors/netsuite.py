"""NetSuite's SuiteTalk REST: token, upsert of an adjustment by external id, its look-up, SuiteQL.

Followed pages (Oracle, NetSuite online help): The Request Token Structure (section_162790605110), Using the Upsert
Operation (section_156335203191), Inventory Adjustment (section_0817101055), Creating a Record Instance
(section_1545141395), Format of Sublists and Subrecords (section_1545141947), Error Handling in REST Web Services
(section_156570709583), Executing SuiteQL Queries Through REST Web Services (section_157909186990).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import jwt
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from syncline.twin.vendors.netsuite_suiteql import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.twin.vendors.book import Book, Key
    from syncline.twin.vendors.faults import VendorFaults

UNCONFIRMED = (
    "the codes of the concurrency limit and of a changed record over REST",
    "404 NONEXISTENT_ID for an external id that there is not",
    "lines pile up when a PUT comes without ?replace=inventory",
)

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"
RECORD = "/services/rest/record/v1/inventoryAdjustment"
SUITEQL = "/services/rest/query/v1/suiteql"
TOKEN_LIFE_S = 3600
UNIT = "1"
ALGORITHMS = ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}
SHAPES = {
    "throttled": (429, "CONCURRENCY_LIMIT_EXCEEDED", "Your account has exceeded its concurrency limit."),
    "locked": (400, "RCRD_HAS_BEEN_CHANGED", "Record has been changed."),
}


@dataclass(frozen=True)
class Client:
    """An integration: its id, and the certificate (public key as PEM) that maps it to a role."""

    client_id: str
    certificate_id: str
    public_key: bytes


@dataclass
class Account:
    """Adjustments by external id, and live tokens. ``account`` is the only adjustment account there is.

    ``units``: stock unit by item; ``UNIT`` where it says nothing.
    """

    book: Book
    account: str
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    units: dict[str, str] = field(default_factory=dict)

    def unit(self, item: str) -> str:
        return self.units.get(item, UNIT)

    def expire(self) -> None:
        """Forget every token before its time."""
        self.tokens.clear()


class Refused(Exception):
    """An answer with an error in it."""

    def __init__(self, status: int, code: str, detail: str, path: str = "") -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.path = status, code, detail, path

    def answer(self) -> JSONResponse:
        row = {"detail": self.detail, "o:errorCode": self.code}
        if self.path:
            row["o:errorPath"] = self.path
        title = TITLES[self.status]
        return JSONResponse(
            {"type": "https://www.rfc-editor.org/rfc/rfc9110.html", "title": title, "status": self.status,
             "o:errorDetails": [row]},
            self.status,
            media_type="application/vnd.oracle.resource+json; type=error",
        )  # fmt: skip


def build(book: Book, faults: VendorFaults, client: Client, account: str = "540") -> FastAPI:
    """The app; its ``state.account`` is the ``Account``. Items and locations are those of the book's keys."""
    app = FastAPI(openapi_url=None)
    held = app.state.account = Account(book, account)

    @app.exception_handler(Refused)
    async def refuse(request: Request, error: Refused) -> Response:
        return error.answer()

    @app.post(TOKEN_PATH)
    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        return _token(held, client, _where(request), form)

    @app.post(SUITEQL)
    async def query(request: Request) -> Response:
        _authorize(held, request)
        return _query(held, request, await request.body())

    _serve_records(app, held, faults)
    return app


def _serve_records(app: FastAPI, held: Account, faults: VendorFaults) -> None:
    @app.put(RECORD + "/{name}")
    async def upsert(request: Request, name: str) -> Response:
        _authorize(held, request)
        content = await request.body()
        where = _where(request)
        is_replacing = "inventory" in request.query_params.get("replace", "").split(",")

        def execute(fault: str) -> Response:
            try:
                if fault in SHAPES:
                    raise Refused(*SHAPES[fault])
                number = _save(held, _external(name), content, is_replacing)
            except Refused as error:
                return error.answer()
            return Response(status_code=204, headers={"Location": f"{where}{RECORD}/{number}"})

        return await faults.around(request, execute)

    @app.get(RECORD + "/{name}")
    async def show(request: Request, name: str) -> Response:
        _authorize(held, request)
        with held.book.lock:
            document = held.documents.get(_external(name))
            if document is None:
                raise Refused(404, "NONEXISTENT_ID", "The record instance does not exist. Provide a valid id.")
            is_expanded = request.query_params.get("expandSubResources") == "true"
            return JSONResponse(_shown(document, is_expanded))

    @app.get(RECORD)
    async def list_them(request: Request) -> Response:
        _authorize(held, request)
        return JSONResponse({"links": [], "count": 0, "hasMore": False, "items": [], "offset": 0, "totalResults": 0})


def _where(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _token(held: Account, client: Client, where: str, form: Mapping[str, str]) -> Response:
    assertion = form.get("client_assertion", "")
    try:
        if form.get("grant_type") != "client_credentials" or not form.get("client_assertion_type", "").endswith(
            ":jwt-bearer"
        ):
            raise jwt.InvalidTokenError("another grant")
        if jwt.get_unverified_header(assertion).get("kid") != client.certificate_id:
            raise jwt.InvalidTokenError("another certificate")
        claims = jwt.decode(
            assertion, client.public_key, algorithms=ALGORITHMS, audience=where + TOKEN_PATH, issuer=client.client_id,
            options={"require": ["iss", "scope", "aud", "exp", "iat"]},
        )  # fmt: skip
        if claims["exp"] - claims["iat"] >= 3600 or "rest_webservices" not in claims["scope"]:
            raise jwt.InvalidTokenError("too long a life, or another scope")
    except jwt.InvalidTokenError:
        return JSONResponse({"error": "invalid_client"}, 401)
    made = secrets.token_urlsafe(24)
    held.tokens.add(made)
    return JSONResponse({"access_token": made, "expires_in": str(TOKEN_LIFE_S), "token_type": "bearer"})


def _authorize(held: Account, request: Request) -> None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or token not in held.tokens:
        raise Refused(401, "INVALID_LOGIN", "Invalid login attempt. For more details, see the Login Audit Trail.")


def _external(name: str) -> str:
    prefix, _, external = name.partition(":")
    if prefix != "eid" or not external:
        raise Refused(400, "INVALID_ID", f"{name} is no external id.")
    return external


def _save(held: Account, external: str, content: bytes, is_replacing: bool) -> str:
    """Execute an upsert as a whole; the record's internal id."""
    body = _parsed(content)
    if (body.get("account") or {}).get("id") != held.account:
        raise _invalid("account", (body.get("account") or {}).get("id"), "account")
    with held.book.lock:
        rows = [_row(held, row, at) for at, row in enumerate((body.get("inventory") or {}).get("items") or [])]
        if not rows:
            raise Refused(400, "USER_ERROR", "You must enter at least one line item for this transaction.")
        was = held.documents.get(external)
        if was and not is_replacing:
            rows = was["rows"] + rows
        number = was["id"] if was else str(1000 + len(held.documents))
        _book(held.book, was["rows"] if was else [], rows)
        held.documents[external] = {"id": number, "external": external, "body": body, "rows": rows}
        return str(number)


def _row(held: Account, row: Mapping[str, Any], at: int) -> dict[str, Any]:
    book = held.book
    item, location = (str((row.get(name) or {}).get("id")) for name in ("item", "location"))
    if not any(item == known for known, _ in book.numbers):
        raise _invalid("item", item, f"inventory.items[{at}].item")
    if (item, location) not in book.numbers:
        raise _invalid("location", location, f"inventory.items[{at}].location")
    if type(row.get("adjustQtyBy")) not in (int, float):
        raise _invalid("adjustQtyBy", row.get("adjustQtyBy"), f"inventory.items[{at}].adjustQtyBy")
    unit = str((row.get("units") or {"id": held.unit(item)}).get("id"))
    if unit != held.unit(item):
        raise _invalid("units", unit, f"inventory.items[{at}].units")
    return {"item": item, "location": location, "by": int(row["adjustQtyBy"]), "memo": row.get("memo"), "unit": unit}


def _book(book: Book, was: list[dict[str, Any]], now: list[dict[str, Any]]) -> None:
    """Take the document's former lines back and book those it has now: the same ones leave no trace."""
    totals: dict[tuple[Key, str | None], int] = {}
    for sign, rows in ((-1, was), (1, now)):
        for row in rows:
            place = (row["item"], row["location"]), row["memo"]
            totals[place] = totals.get(place, 0) + sign * row["by"]
    for (key, memo), delta in totals.items():
        if delta:
            book.add(key, delta, memo)


def _shown(document: Mapping[str, Any], is_expanded: bool) -> dict[str, Any]:
    items: dict[str, Any] = {"links": []}
    if is_expanded:
        items["items"] = [
            {
                "links": [], "line": at, "item": {"id": row["item"], "refName": f"Item {row['item']}"},
                "location": {"id": row["location"], "refName": f"Location {row['location']}"},
                "adjustQtyBy": float(row["by"]), "memo": row["memo"],
                "units": {"id": row["unit"], "refName": f"Unit {row['unit']}"},
            }
            for at, row in enumerate(document["rows"], 1)
        ]  # fmt: skip
    return {
        "links": [], "id": document["id"], "externalId": document["external"],
        "account": document["body"]["account"], "memo": document["body"].get("memo"), "inventory": items,
    }  # fmt: skip


def _query(held: Account, request: Request, content: bytes) -> Response:
    if request.headers.get("Prefer") != "transient":
        raise Refused(400, "INVALID_HEADER", "The required request header 'Prefer' is missing or invalid.")
    text = str(_parsed(content).get("q", ""))
    try:
        limit = int(request.query_params.get("limit", 1000))
        offset = int(request.query_params.get("offset", 0))
        columns, rows = run(held, text)
    except (sqlite3.Error, ValueError) as error:
        raise Refused(400, "INVALID_PARAMETER", f"Invalid search query. {error}") from None
    page = rows[offset : offset + limit]
    return JSONResponse(
        {
            "links": [], "count": len(page), "hasMore": offset + limit < len(rows), "offset": offset,
            "totalResults": len(rows),
            "items": [
                {"links": []} | {name: str(value) for name, value in zip(columns, row, strict=True)} for row in page
            ],
        }
    )  # fmt: skip


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "INVALID_CONTENT", "The request body is no JSON object.")
    return body


def _invalid(name: str, value: object, path: str) -> Refused:
    detail = (
        f"Error while accessing resource: You have entered an Invalid Field Value {value} for the following field: "
    )
    return Refused(400, "INVALID_CONTENT", detail + name, path)
