"""A full state in pages: one as-of, numbered pages, control totals on the last one; and how an answer may be wrong.

What is wrong with the answers for one as-of follows from the seed and that as-of: asked again, it is wrong again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from fastapi.responses import JSONResponse

from syncline.twin.wms_log import iso_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from syncline.twin.faults import FaultCount, Faults

Lines = list[dict[str, Any]]

EARLIER_MS = 3_600_000  # a page of another as-of is of an hour before
FLOOD_SHARE, FLOOD_FACTOR = 0.5, 12  # cases told as if they were pieces
NUMBER_DIGITS_MAX = 15


@dataclass(frozen=True)
class Asked:
    """What one request asks for. ``mark`` is a place in the books of the system, for one that has such places."""

    as_of_ms: int
    limit: int
    page: int = 1
    mark: int = 0

    def token(self, page: int) -> str:
        """Opaque to the client: what asks for ``page`` of the same state."""
        return f"{self.as_of_ms}.{self.limit}.{page}.{self.mark}"


def asked(page_token: str, first: Callable[[], Asked]) -> Asked:
    """The request that ``page_token`` stands for; without one, the first page.

    Raises:
        HTTPException: 422, the token is none of ours.
    """
    if not page_token:
        return first()
    parts = page_token.split(".")
    if len(parts) != 4 or not all(p.isascii() and p.isdigit() and len(p) <= NUMBER_DIGITS_MAX for p in parts):
        raise HTTPException(422, {"code": "invalid", "message": "page_token is none that this service gave out."})
    as_of_ms, limit, page, mark = map(int, parts)
    if not 1 <= limit <= 1000 or page < 1:
        raise HTTPException(422, {"code": "invalid", "message": "page_token is none that this service gave out."})
    return Asked(as_of_ms, limit, page, mark)


class State:
    """The full state of ``name`` at an as-of. ``lines_at(as_of_ms)`` tells its lines in an order that stays."""

    def __init__(self, name: str, scope: dict[str, list[str]], lines_at: Callable[[int], Lines]) -> None:
        self._name, self._scope, self._lines_at = name, scope, lines_at

    def answer(self, request: Asked, faults: Faults, count: FaultCount, rng: Random) -> JSONResponse:
        """The page that was asked for. 404 when the state has no such page."""
        lines = self._lines_at(request.as_of_ms)
        pages = max(1, -(-len(lines) // request.limit))
        if request.page > pages:
            raise HTTPException(404, {"code": "no_page", "message": f"This state has {pages} pages."})
        wrong = _Wrong.drawn(faults, pages, rng)
        if request.page == 1:
            for name in wrong.names():
                count.add(name)
        if wrong.flood:
            lines = _flooded(lines, rng)
        if request.page == wrong.other_as_of:
            request = replace(request, as_of_ms=request.as_of_ms - EARLIER_MS)
            shown = self._lines_at(request.as_of_ms)
        else:
            shown = lines
        first = (request.page - 1) * request.limit
        body: dict[str, Any] = {
            "as_of": iso_ms(request.as_of_ms), "page": request.page, "scope": self._scope,
            "balances": shown[first : first + request.limit], "next_page_token": None,
        }  # fmt: skip
        if request.page < pages:
            following = request.page + (2 if request.page + 1 == wrong.missing else 1)
            body["next_page_token"] = self._token(request, following, wrong)
        else:
            body["control"] = {"lines": len(lines), "units": sum(line["quantity"] for line in lines)}
            _spoil_end(body, wrong)
        return JSONResponse(body, headers={"ETag": self._etag(request)})

    def _token(self, request: Asked, page: int, wrong: _Wrong) -> str:
        """Of the state that was asked for at first, also on the page that is of another one."""
        as_of_ms = request.as_of_ms + (EARLIER_MS if request.page == wrong.other_as_of else 0)
        return replace(request, as_of_ms=as_of_ms).token(page)

    def _etag(self, request: Asked) -> str:
        digest = hashlib.sha256(f"{self._name}/{request.as_of_ms}/{request.mark}".encode()).hexdigest()
        return f'"{digest[:24]}"'


@dataclass(frozen=True)
class _Wrong:
    """What is wrong with one state: page numbers, 0 is none."""

    missing: int
    other_as_of: int
    cut: bool
    totals: bool
    flood: bool

    @classmethod
    def drawn(cls, faults: Faults, pages: int, rng: Random) -> _Wrong:
        """The same draws for every page of a state."""
        missing, other, *rest = [
            rng.random() < rate
            for rate in (
                faults.full_page_missing, faults.full_other_as_of, faults.full_cut, faults.full_totals,
                faults.full_flood,
            )
        ]  # fmt: skip
        between, behind = rng.randrange(2, max(3, pages)), rng.randrange(2, max(3, pages + 1))
        return cls(between if missing and pages > 2 else 0, behind if other and pages > 1 else 0, *rest)

    def names(self) -> list[str]:
        told = {
            "full_page_missing": self.missing, "full_other_as_of": self.other_as_of, "full_cut": self.cut,
            "full_totals": self.totals, "full_flood": self.flood,
        }  # fmt: skip
        return [name for name, happens in told.items() if happens]


def _spoil_end(body: dict[str, Any], wrong: _Wrong) -> None:
    """A last page that is cut still tells the totals of all; wrong totals tell of more."""
    if wrong.cut:
        body["balances"] = body["balances"][: len(body["balances"]) // 2]
    if wrong.totals:
        body["control"]["lines"] += 1
        body["control"]["units"] += 7


def _flooded(lines: Lines, rng: Random) -> Lines:
    """Half of the quantities are wrong, and the totals agree with them: the proof holds, the numbers do not."""
    return [
        {**line, "quantity": line["quantity"] * FLOOD_FACTOR} if rng.random() < FLOOD_SHARE else line for line in lines
    ]
