"""What goes wrong between a vendor and us, drawn for each call that writes."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from fastapi import Request

# lost_request: closed, not executed. lost_answer: executed, closed. late: closed now, executed ``late_s`` later.
# cut_body: executed, the answer ends in the middle. server_error: 503, not executed. error_after: 500, executed.
TRANSPORT = ("lost_request", "lost_answer", "late", "cut_body", "server_error", "error_after")
# The API itself shapes these: over the limit; a lock of somebody else; an error in the answer of a good status.
SHAPED = ("throttled", "locked", "partial")


@dataclass
class VendorFaults:
    """``script`` is taken first, one name a writing call (``ok``: none); then ``rates`` are drawn from ``rng``."""

    script: deque[str] = field(default_factory=deque)
    rates: Mapping[str, float] = field(default_factory=dict)
    rng: Random | None = None
    late_s: float = 0.5
    count: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def draw(self) -> str:
        """The fault of the next writing call, ``ok`` for none."""
        with self.lock:
            if self.script:
                name = self.script.popleft()
            elif self.rng is not None:
                rng = self.rng
                name = next((name for name in sorted(self.rates) if rng.random() < self.rates[name]), "ok")
            else:
                name = "ok"
            if name not in ("ok", *TRANSPORT, *SHAPED):
                raise ValueError(f"{name!r} is no fault; there are {', '.join(TRANSPORT + SHAPED)}")
            self.count[name] += 1
            return name

    async def around(self, request: Request, execute: Callable[[str], Response]) -> Response:
        """Execute a writing call under the fault drawn for it. ``execute`` is given a name of ``SHAPED``, or ``ok``.

        It runs in a thread and answers in the vendor's shape. ``request`` must have been read whole.
        """
        fault = self.draw()
        if fault == "lost_request":
            return self._hang_up(request)
        if fault == "server_error":
            return JSONResponse({"error": "unavailable"}, 503)
        if fault == "late":
            asyncio.get_running_loop().call_later(
                self.late_s, lambda: threading.Thread(target=execute, args=("ok",)).start()
            )
            return self._hang_up(request)
        answer = await asyncio.to_thread(execute, fault if fault in SHAPED else "ok")
        if fault == "lost_answer":
            return self._hang_up(request)
        if fault == "error_after":
            return JSONResponse({"error": "internal"}, 500)
        if fault == "cut_body":
            # Half of it: JSON that ends in the middle.
            return Response(bytes(answer.body)[: len(bytes(answer.body)) // 2], answer.status_code)
        return answer

    @staticmethod
    def _hang_up(request: Request) -> Response:
        # ASGI has no way to hang up; uvicorn's own cycle object, behind ``receive``, has.
        receive: Any = request.receive
        receive.__self__.transport.close()
        return Response(status_code=204)
