"""A proxy in front of Tryton that loses requests and answers of one of its methods; the rest passes."""

from __future__ import annotations

import asyncio
import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

from syncline.targets.tryton.shipments import MODEL

if TYPE_CHECKING:
    from syncline.twin.vendors.faults import VendorFaults

PASSED = ("Authorization", "Content-Type", "Accept-Encoding")
# As a server of 8.2.1 answered a call with an outdated ``_timestamp``.
LOCKED = {"id": 1, "error": ["ConcurrencyException", "Records were modified in the meanwhile"]}


def build(base_url: str, faults: VendorFaults, step: str = "do") -> FastAPI:
    """``step``: the button, or ``create``, that ``faults`` meet."""
    app = FastAPI(openapi_url=None)
    upstream = urlsplit(base_url).netloc

    @app.post("/{path:path}")
    async def passed(path: str, request: Request) -> Response:
        body = await request.body()

        def call() -> Response:
            connection = HTTPConnection(upstream, timeout=20)
            try:
                headers = {name: request.headers[name] for name in PASSED if name in request.headers}
                connection.request("POST", f"/{path}", body, headers)
                answer = connection.getresponse()
                kept = {name: answer.headers[name] for name in ("Content-Encoding",) if name in answer.headers}
                return Response(answer.read(), answer.status, kept, answer.headers["Content-Type"])
            finally:
                connection.close()

        if json.loads(body)["method"] != f"model.{MODEL}.{step}":
            return await asyncio.to_thread(call)
        return await faults.around(request, lambda shape: JSONResponse(LOCKED) if shape == "locked" else call())

    return app
