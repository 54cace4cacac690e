"""Faults of answers, between the socket and the application: nothing above this layer knows of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from syncline.twin.faults import FaultCount, Faults

DRIP_PIECES = 8
BEFORE = ("lost_request", "server_error", "throttled")
AFTER = ("lost_answer", "error_after", "cut_body", "drip")


class HttpFaults:
    """ASGI middleware. At most one fault a request; ``/twin`` is never touched."""

    def __init__(self, app: ASGIApp, faults: Faults, count: FaultCount, rng: Random) -> None:
        self._app, self._faults, self._count, self._rng = app, faults, count, rng

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/twin/"):
            await self._app(scope, receive, send)
            return
        fault = next((name for name in BEFORE + AFTER if self._rng.random() < getattr(self._faults, name)), None)
        if fault is None:
            await self._app(scope, receive, send)
            return
        self._count.add(fault)
        transport = _transport(receive)
        if fault in BEFORE:
            # Take the request in first, as a server does that dies while working; else the client sees a reset
            # while it still sends.
            await _drain(receive)
        if fault == "lost_request":
            transport.close()
        elif fault == "server_error":
            await _answer(send, 503, "unavailable")
        elif fault == "throttled":
            await _answer(send, 429, "throttled", {"retry-after": str(self._faults.retry_after_real_s)})
        else:
            await self._after(fault, scope, receive, send, transport)

    async def _after(
        self, fault: str, scope: Scope, receive: Receive, send: Send, transport: asyncio.Transport
    ) -> None:
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in kept)
        if fault == "lost_answer":
            transport.close()
        elif fault == "error_after":
            await _answer(send, 500, "internal")
        elif fault == "cut_body":
            await send(kept[0])
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            transport.close()
        else:
            await send(kept[0])
            size = max(1, -(-len(body) // DRIP_PIECES))
            for start in range(0, len(body), size):
                await asyncio.sleep(self._faults.drip_real_s / DRIP_PIECES)
                await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def _drain(receive: Receive) -> None:
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _answer(send: Send, status: int, code: str, headers: dict[str, str] | None = None) -> None:
    body = json.dumps({"error": {"code": code, "message": "The service cannot answer now; try later."}}).encode()
    every = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    raw = [(name.encode(), value.encode()) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _transport(receive: Any) -> asyncio.Transport:
    """The connection's transport: ASGI has no way to hang up, uvicorn's own cycle object (behind ``receive``) has."""
    transport: asyncio.Transport = receive.__self__.transport
    return transport
