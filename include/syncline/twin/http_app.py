"""The HTTP side of the twin: one FastAPI application with a router for each system."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, Header, Request
from fastapi import HTTPException as Refused
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from syncline.twin import erp_api, shop_api, truth_api, wms_api
from syncline.twin.http_faults import HttpFaults

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from syncline.twin.serving import Serving

BODY_BYTES_MAX = 256 * 1024


def build(serving: Serving) -> ASGIApp:
    """The application, faults outermost: they need the server's own connection object."""
    app = FastAPI(title="Syncline twin", docs_url=None, redoc_url=None, openapi_url=None)

    def only(name: str) -> Any:
        def check(authorization: str = Header(default="")) -> None:
            if not hmac.compare_digest(authorization.encode(), f"Bearer {serving.tokens[name]}".encode()):
                raise Refused(401, {"code": "unauthorized", "message": f"No valid bearer token for {name}."})

        return Depends(check)

    for location in serving.world.books.logs:
        source = f"{location.lower()}_wms"
        app.include_router(wms_api.router(serving, location), dependencies=[only(source)])
    app.include_router(erp_api.router(serving), dependencies=[only("erp")])
    app.include_router(shop_api.router(serving), dependencies=[only("shop")])
    app.include_router(truth_api.router(serving), dependencies=[only("twin")])
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.middleware("http")(_limit_body)
    return HttpFaults(app, serving.world.faults, serving.world.count, serving.world.day.stream("answers/http"))


async def _limit_body(request: Request, call_next: Any) -> Any:
    """A declared length above the limit is refused before anything is read."""
    length = request.headers.get("content-length", "0")
    if (
        not length.isdigit()
        or int(length) > BODY_BYTES_MAX
        or "chunked" in request.headers.get("transfer-encoding", "")
    ):
        return _error(413, "too_large", f"A request body has a Content-Length of at most {BODY_BYTES_MAX} bytes.")
    return await call_next(request)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    status = getattr(error, "status_code", 500)
    detail = getattr(error, "detail", "")
    if isinstance(detail, dict):
        return _error(status, detail["code"], detail["message"])
    return _error(status, {404: "not_found", 405: "method_not_allowed"}.get(status, "refused"), str(detail))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _error(422, "invalid", f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
