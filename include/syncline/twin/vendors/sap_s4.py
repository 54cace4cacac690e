"""SAP S/4HANA's OData services for material documents and stock, behind the Gateway's login and CSRF check.

Followed pages: Cross-Site Request Forgery Protection (help.sap.com, saphelp_em92), KBA 3048103 (403 with
``X-CSRF-Token: Required``), KBA 3027233 (payload of a posting), the metadata of API_MATERIAL_DOCUMENT_SRV and
API_MATERIAL_STOCK_SRV (names, types and lengths), SAP community on error messages of OData APIs (form of an error).
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from syncline.twin.vendors.sap_s4_entities import ENTITIES, POSTED, item_rows, query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.twin.vendors.book import Book, Key
    from syncline.twin.vendors.faults import VendorFaults

UNCONFIRMED = (
    "class and number of the messages, locks among them",
    "429 comes from a gateway in front, without SAP's form of an error",
)

ROOT = "/sap/opu/odata/sap"
DOCUMENTS = f"{ROOT}/API_MATERIAL_DOCUMENT_SRV"
STOCK = f"{ROOT}/API_MATERIAL_STOCK_SRV"
TOKEN_PATH = "/sap/bc/sec/oauth2/token"
SESSION = "SAP_SESSIONID_TWN_100"
CSRF = "x-csrf-token"
# Movement types of the goods issue and of the other receipts, and where they take the stock.
MOVEMENTS = {"201": -1, "202": 1, "551": -1, "552": 1, "501": 1, "502": -1, "701": 1, "702": -1}
YEAR = "2026"


@dataclass
class System:
    """One client of SAP. ``batches``: materials whose stock is shown in two batches.

    ``base_units``: of materials that are counted in another unit than ``unit``, which they are posted in, too.
    """

    book: Book
    user: str
    password: str = field(repr=False)
    unit: str = "EA"
    batches: frozenset[str] = frozenset()
    base_units: dict[str, str] = field(default_factory=dict)
    documents: list[dict[str, Any]] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def expire(self) -> None:
        """End every session and token before its time."""
        self.sessions.clear()
        self.tokens.clear()


class Refused(Exception):
    """A message of class and number, in SAP's form of an error."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code, self.text, self.status = code, text, status

    def answer(self) -> Response:
        row = {"code": self.code, "message": self.text, "propertyref": "", "severity": "error", "target": ""}
        inner = {"transactionid": secrets.token_hex(16), "timestamp": "", "errordetails": [row]}
        message = {"lang": "en", "value": self.text}
        return JSONResponse({"error": {"code": self.code, "message": message, "innererror": inner}}, self.status)


def build(
    book: Book, faults: VendorFaults, user: str, password: str, unit: str = "EA", batches: frozenset[str] = frozenset()
) -> FastAPI:
    """The app; its ``state.system`` is the ``System``. Items are materials, locations ``PLANT/STORAGELOCATION``."""
    app = FastAPI(openapi_url=None)
    system = app.state.system = System(book, user, password, unit, batches)

    @app.exception_handler(Refused)
    async def refuse(request: Request, error: Refused) -> Response:
        return error.answer()

    @app.post(TOKEN_PATH)
    async def token(request: Request) -> Response:
        if not _is_basic(system, request):
            return JSONResponse({"error": "invalid_client"}, 401)
        made = secrets.token_urlsafe(24)
        system.tokens.add(made)
        return JSONResponse({"access_token": made, "token_type": "Bearer", "expires_in": "3600"})

    @app.get(f"{ROOT}/{{service}}/")
    async def root(request: Request, service: str) -> Response:
        return _logon(system, request) or _in_session(system, request, JSONResponse({"d": {"EntitySets": []}}))

    @app.get(f"{ROOT}/{{service}}/{{entity}}")
    async def rows(request: Request, service: str, entity: str) -> Response:
        return _logon(system, request) or _selected(system, request, entity)

    @app.post(f"{DOCUMENTS}/A_MaterialDocumentHeader")
    async def post(request: Request) -> Response:
        refused = _logon(system, request) or _csrf(system, request)
        if refused:
            return refused
        content = await request.body()
        return await faults.around(request, lambda fault: _post(system, content, fault))

    return app


def _is_basic(system: System, request: Request) -> bool:
    kind, _, sent = request.headers.get("Authorization", "").partition(" ")
    right = base64.b64encode(f"{system.user}:{system.password}".encode()).decode()
    return kind == "Basic" and secrets.compare_digest(sent.encode(), right.encode())


def _logon(system: System, request: Request) -> Response | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if _is_basic(system, request) or (kind == "Bearer" and token in system.tokens):
        return None
    page = "<html><head><title>Logon Error Message</title></head><body>Logon failed</body></html>"
    return HTMLResponse(page, 401, {"WWW-Authenticate": 'Basic realm="SAP NetWeaver Application Server"'})


def _in_session(system: System, request: Request, answer: Response) -> Response:
    """The session's token, where it is asked for."""
    if request.headers.get(CSRF, "").lower() != "fetch":
        return answer
    session = request.cookies.get(SESSION, "")
    if session not in system.sessions:
        session = secrets.token_hex(16)
        system.sessions[session] = secrets.token_urlsafe(18)
    answer.headers[CSRF] = system.sessions[session]
    answer.set_cookie(SESSION, session, httponly=True)
    return answer


def _csrf(system: System, request: Request) -> Response | None:
    token = system.sessions.get(request.cookies.get(SESSION, ""))
    if token and secrets.compare_digest(token, request.headers.get(CSRF, "")):
        return None
    return PlainTextResponse("CSRF token validation failed", 403, {CSRF: "Required"})


def _post(system: System, content: bytes, fault: str) -> Response:
    """Execute a deep insert as a whole."""
    if fault == "throttled":
        return JSONResponse({"fault": {"faultstring": "Rate limit quota violation"}}, 429, {"Retry-After": "3"})
    try:
        body = json.loads(content)
        if fault == "locked":
            material = body["to_MaterialDocumentItem"][0]["Material"]
            raise Refused("M3/024", f"Valuation data for material {material} is locked by the user WMSBATCH")
        with system.book.lock:
            items = [_item(system, row, number) for number, row in enumerate(_items(body), 1)]
            _book(system, items)
            document = _header(system, body)
            system.documents.append(document | {"items": items})
    except (ValueError, KeyError, TypeError, IndexError):
        return Refused("/IWFND/CM_MGW/005", "Malformed syntax of the request body").answer()
    except Refused as error:
        return error.answer()
    rows = [{name: row[name] for name in POSTED} for row in item_rows(system) if _is_of(row, document)]
    return JSONResponse({"d": document | {"to_MaterialDocumentItem": {"results": rows}}}, 201)


def _is_of(row: Mapping[str, str], document: Mapping[str, Any]) -> bool:
    return bool(row["MaterialDocument"] == document["MaterialDocument"])


def _items(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = body["to_MaterialDocumentItem"]
    rows = rows["results"] if isinstance(rows, dict) else rows
    if not rows:
        raise Refused("M7/085", "Document does not contain any items")
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T00:00:00|/Date\([0-9]+\)/", str(body["PostingDate"])):
        raise Refused("M7/053", "Posting only possible in open periods")
    if body["GoodsMovementCode"] not in ("01", "02", "03", "04", "05", "06"):
        raise Refused("M7/120", "Goods movement not possible with this code")
    if len(str(body.get("MaterialDocumentHeaderText", ""))) > 25:
        raise Refused("/IWBEP/CM_MGW_RT/022", "Property MaterialDocumentHeaderText is longer than 25")
    return list(rows)


def _item(system: System, row: Mapping[str, Any], number: int) -> dict[str, Any]:
    key = (row["Material"], f"{row['Plant']}/{row['StorageLocation']}")
    text, quantity = row.get("MaterialDocumentItemText", ""), row["QuantityInEntryUnit"]
    if not any(row["Material"] == known for known, _ in system.book.numbers):
        raise Refused("M3/305", f"The material {row['Material']} does not exist or is not activated")
    if key not in system.book.numbers:
        raise Refused("M7/018", "Enter a storage location that is kept for the material")
    if row["GoodsMovementType"] not in MOVEMENTS:
        raise Refused("M7/097", f"Movement type {row['GoodsMovementType']} is not possible")
    if row["EntryUnit"] != system.unit or not re.fullmatch(r"[0-9]{1,10}(\.0{1,3})?", quantity) or len(text) > 50:
        raise Refused("M7/142", f"Enter a quantity in {system.unit}")
    delta = MOVEMENTS[row["GoodsMovementType"]] * int(quantity.partition(".")[0])
    return {"key": key, "delta": delta, "text": text, "number": f"{number:04d}"}


def _book(system: System, items: list[dict[str, Any]]) -> None:
    """All of it or nothing: stock must not go below zero."""
    left: dict[Key, int] = {}
    for item in items:
        left[item["key"]] = left.get(item["key"], system.book.numbers[item["key"]]) + item["delta"]
    short = sorted(key for key, quantity in left.items() if quantity < 0)
    if short:
        raise Refused("M7/021", f"Deficit of SL Unrestricted-use {-left[short[0]]} {system.unit} : {short[0][0]}")
    for item in items:
        system.book.add(item["key"], item["delta"], item["text"])


def _header(system: System, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "MaterialDocumentYear": YEAR,
        "MaterialDocument": str(4_900_000_000 + len(system.documents)),
        "PostingDate": body["PostingDate"],
        "GoodsMovementCode": body["GoodsMovementCode"],
        "MaterialDocumentHeaderText": str(body.get("MaterialDocumentHeaderText", "")),
    }


def _selected(system: System, request: Request, entity: str) -> Response:
    """Rows by ``$filter``, ``$select`` and ``$top``, run on SQLite."""
    if entity not in ENTITIES:
        raise Refused("/IWFND/CM_MGW/002", f"Resource not found for segment '{entity}'", 404)
    with system.book.lock:
        rows = ENTITIES[entity](system)
    try:
        names = request.query_params.get("$select", "").split(",")
        found = query(rows, request.query_params.get("$filter", ""), names, int(request.query_params["$top"]))
    except (sqlite3.Error, ValueError, KeyError) as error:
        raise Refused("/IWBEP/CM_MGW_RT/021", f"Invalid query option: {error}") from None
    return _in_session(system, request, JSONResponse({"d": {"results": found}}))
