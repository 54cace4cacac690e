"""The application: routes that each declare their own authentication, bodies with a limit, errors as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from syncline import __version__
from syncline.api import errors, exceptions
from syncline.api.keys import ApiKey, recognised
from syncline.api.limits import BodyLimit
from syncline.errors import SynclineError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from starlette.types import ASGIApp

    from syncline.api.warehouses import Warehouses

TITLE = "Syncline"
Keys = Callable[[], "Sequence[ApiKey]"]
# Only tells the schema: what is sent is read below, so that every refusal has one shape.
_BEARER = HTTPBearer(auto_error=False, description="An API key: `syncline api key` makes one.")


class Parts:
    """What routes are made of: connections by role, the instant, and who may call."""

    def __init__(self, warehouse: Warehouses, keys: Keys, now: Callable[[], datetime]) -> None:
        self.warehouse, self.keys, self.now = warehouse, keys, now

    def needs(self, *scopes: str) -> Any:
        """A dependency that lets in whoever has a key with one of ``scopes`` (any key when none is named)."""

        def authenticate(request: Request, _: Annotated[Any, Depends(_BEARER)]) -> ApiKey:
            scheme, _space, text = request.headers.get("authorization", "").partition(" ")
            key = recognised(self.keys(), text, self.now()) if scheme.lower() == "bearer" else None
            if key is None:
                raise HTTPException(401, "No valid API key.", {"www-authenticate": "Bearer"})
            if scopes:
                self.permit(key, *scopes)
            return key

        authenticate.scopes = scopes  # type: ignore[attr-defined]
        return Depends(authenticate)

    @staticmethod
    def permit(key: ApiKey, *scopes: str) -> None:
        """Raise 403 unless ``key`` has one of ``scopes``."""
        if not key.scopes & set(scopes):
            raise HTTPException(403, f"The key {key.name} has not the scope {' or '.join(scopes)}.")


def create_app(warehouse: Warehouses, keys: Keys, now: Callable[[], datetime]) -> ASGIApp:
    """The API as an ASGI application.

    Args:
        warehouse: opens connections by role.
        keys: the API keys of now; asked at every request, so that a withdrawn key is out at once.
        now: the instant of the product's clock.
    """
    parts = Parts(warehouse, keys, now)
    app = FastAPI(title=TITLE, version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(exceptions.router(parts))

    @app.get("/health", tags=["health"], summary="Whether the warehouse answers; asks for no key")
    def health() -> JSONResponse:
        try:
            with warehouse("bi") as conn:
                conn.execute("select 1")
        except SynclineError:
            return errors.refusal(503, "warehouse_unavailable", "The warehouse does not answer.")
        return JSONResponse({"status": "ok"})

    @app.get("/openapi.json", include_in_schema=False, dependencies=[parts.needs()])
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.middleware("http")
    async def keep_nothing(request: Request, call_next: Any) -> Any:
        answer = await call_next(request)
        answer.headers["cache-control"] = "no-store"
        answer.headers["x-content-type-options"] = "nosniff"
        return answer

    errors.add_handlers(app)
    return BodyLimit(app)
