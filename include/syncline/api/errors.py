"""Errors as JSON: ``{"error": {"code", "message", "next_step"}}``; never what a caller sent, never a secret."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from syncline.errors import ConfigurationError, RetryableError, SynclineError, WarehouseUnavailable
from syncline.exceptions.desk import ChangeRefused, NoSuchException

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)
_HTTP = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
FAULTS_MAX = 5


def refusal(
    status: int, code: str, message: str, next_step: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """An answer that says no, and why."""
    error = {"code": code, "message": message} | ({"next_step": next_step} if next_step else {})
    return JSONResponse({"error": error}, status, headers)


def add_handlers(app: FastAPI) -> None:
    """Everything that goes wrong in ``app`` is answered alike."""
    app.add_exception_handler(SynclineError, _deliberate)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


def _deliberate(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SynclineError)
    if isinstance(error, RetryableError):
        after = {"retry-after": str(math.ceil(error.retry_after_s or 1))}
        if isinstance(error, WarehouseUnavailable):
            # Names the server and the login.
            log.error("%s", error)
            return refusal(503, "warehouse_unavailable", "The warehouse does not answer.", "Repeat it.", after)
        return refusal(503, "try_again", error.message, error.next_step, after)
    if isinstance(error, ConfigurationError):
        # What is wrong here is ours: its place goes to our log, not to the caller.
        log.error("the API is not configured: %s", error)
        return refusal(500, "not_configured", "The API is not configured.", "Ask who runs Syncline; its log says why.")
    status, code = 422, "refused"
    if isinstance(error, NoSuchException):
        status, code = 404, "not_found"
    elif isinstance(error, ChangeRefused):
        status, code = 409, "conflict"
    return refusal(status, code, error.message, error.next_step)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return refusal(error.status_code, _HTTP.get(error.status_code, "refused"), str(error.detail), headers=headers)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    told = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in found[:FAULTS_MAX])
    return refusal(422, "invalid", told, "See /openapi.json for what the request must be.")


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    log.error("unexpected %s", type(error).__name__)
    return refusal(500, "internal", "Something went wrong here.", "Repeat it once; then tell who runs Syncline.")
