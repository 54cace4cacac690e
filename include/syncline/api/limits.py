"""A request's body is small and comes soon, or the request is refused before anything reads it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syncline.api.errors import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 16 * 1024
BODY_WAIT_S = 10.0


class BodyLimit:
    """Reads the whole body first, also one without a declared length: no route sees more than ``most`` bytes."""

    def __init__(self, app: ASGIApp, most: int = BODY_BYTES_MAX, wait_s: float = BODY_WAIT_S) -> None:
        self._app, self._most, self._wait_s = app, most, wait_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._wait_s):
                body = await self._read(scope, receive)
        except TimeoutError:
            await refusal(408, "too_slow", f"The body did not come within {self._wait_s:g} s.")(scope, receive, send)
            return
        if body is None:
            too_large = refusal(413, "too_large", f"A body has at most {self._most} bytes.")
            too_large.headers["connection"] = "close"
            await too_large(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None when it is longer than allowed."""
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._most:
            return None
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                break
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most:
                return None
            more = message.get("more_body", False)
        return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message
