"""One page of a full state, as an API tells it: what can be read of it, and nothing guessed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from syncline.landing.snapshots import span_of
from syncline.sources.wms_api.contract import printable
from syncline.sources.wms_api.decoding import decoded

TEXT_MAX_CHARS = 100
TOKEN_MAX_CHARS = 400
SCOPE_MAX = 100
QUANTITY = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
TOTAL_MAX_DIGITS = 40
WIDEST = timedelta(seconds=1)  # a book is of one instant


class NotAPageError(ValueError):
    """These bytes are no page of a full state; the text says why, and is printable."""


class Line(NamedTuple):
    """One line as written; ``place`` is its index in the page."""

    place: int
    item_ref: str
    location_ref: str
    status_ref: str
    lot: str | None
    uom: str
    quantity: str

    @property
    def key(self) -> tuple[str, ...]:
        """What a state tells once."""
        return (self.item_ref, self.location_ref, self.status_ref, self.lot or "")


class Control(NamedTuple):
    """Totals of the whole state, as its sender counted."""

    lines: int
    units: Decimal


class Scope(NamedTuple):
    """What a state declares to be complete for, as the sender writes it."""

    locations: tuple[str, ...]
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the fields of a line are called. ``location`` and ``measure`` are None where the state has only one."""

    item: str
    location: str | None = None
    measure: str | None = None


WMS = Dialect("sku", measure="measure")
ERP = Dialect("item", location="location")


@dataclass(frozen=True, slots=True)
class Page:
    """``broken`` says what is wrong with the first line that cannot be read; such lines are not among ``lines``."""

    as_of: str
    number: int
    scope: Scope | None
    lines: list[Line]
    next_token: str | None
    control: Control | None
    etag: str = ""
    broken: str | None = None


def read_page(content: bytes, dialect: Dialect, etag: str = "") -> Page:
    """``content`` as a page.

    Raises:
        NotAPageError: it has another shape; a line that cannot be read is no reason.
    """
    try:
        body = decoded(content)
    except (ValueError, RecursionError):
        raise NotAPageError("the answer is no JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("balances"), list):
        raise NotAPageError("the answer has no list `balances`")
    as_of, number = body.get("as_of"), body.get("page")
    if not isinstance(as_of, str) or (span := span_of(as_of)) is None or span[1] - span[0] > WIDEST:
        raise NotAPageError(f"as_of is {printable(repr(as_of))[:80]}: no instant to the second with a zone")
    if type(number) is not int or number < 1:
        raise NotAPageError(f"page is {printable(repr(number))[:40]}: no page number")
    scope = _scope(body.get("scope"))
    lines, broken = _lines(body["balances"], dialect, scope)
    return Page(as_of, number, scope, lines, _token(body), _control(body.get("control")), etag[:200], broken)


def _token(body: dict[str, Any]) -> str | None:
    token = body.get("next_page_token")
    if token is None:
        return None
    if not isinstance(token, str) or not token.isprintable() or not 0 < len(token) <= TOKEN_MAX_CHARS:
        raise NotAPageError("next_page_token is neither null nor a short text")
    return token


def _control(told: Any) -> Control | None:
    """None also for totals that are no numbers: they prove nothing."""
    if not isinstance(told, dict):
        return None
    lines, units = told.get("lines"), told.get("units")
    if type(lines) is not int or lines < 0 or isinstance(units, bool) or not isinstance(units, (int, str)):
        return None
    text = str(units)
    if len(text) > TOTAL_MAX_DIGITS or re.fullmatch(r"-?[0-9]+(\.[0-9]{1,9})?", text) is None:
        return None
    return Control(lines, Decimal(text))


def _scope(told: Any) -> Scope | None:
    if not isinstance(told, dict):
        return None
    sides = (_texts(told.get("locations")), _texts(told.get("measures")))
    return Scope(*sides) if all(sides) else None


def _texts(told: Any) -> tuple[str, ...]:
    if not isinstance(told, list) or not 0 < len(told) <= SCOPE_MAX or not all(map(_is_text, told)):
        return ()
    return tuple(sorted(set(told)))


def _lines(told: list[Any], dialect: Dialect, scope: Scope | None) -> tuple[list[Line], str | None]:
    # A field that the dialect has no name for is said once, by the scope.
    location = scope.locations[0] if scope and len(scope.locations) == 1 else ""
    measure = scope.measures[0] if scope and len(scope.measures) == 1 else ""
    found: list[Line] = []
    broken: str | None = None
    for index, row in enumerate(told):
        line = _line(index, row, dialect, location, measure) if isinstance(row, dict) else "it is no object"
        if isinstance(line, Line):
            found.append(line)
        elif broken is None:
            broken = f"balances[{index}]: {line}"
    return found, broken


def _line(index: int, row: dict[str, Any], dialect: Dialect, location: str, measure: str) -> Line | str:
    lot, quantity = row.get("lot"), row.get("quantity")
    told = {
        dialect.item: row.get(dialect.item),
        dialect.location or "location of the scope": row.get(dialect.location) if dialect.location else location,
        dialect.measure or "measure of the scope": row.get(dialect.measure) if dialect.measure else measure,
        "uom": row.get("uom"),
    }
    for name, value in told.items():
        if not _is_text(value):
            return f"{name} is {printable(repr(value))[:80]}"
    if lot is not None and not _is_text(lot):
        return f"lot is {printable(repr(lot))[:80]}"
    text = str(quantity)
    if isinstance(quantity, bool) or not isinstance(quantity, (int, str)) or QUANTITY.fullmatch(text) is None:
        return f"quantity is {printable(repr(quantity))[:80]}"
    item, place, status, uom = told.values()
    return Line(index, item, place, status, lot, uom, text)  # type: ignore[arg-type]


def _is_text(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= TEXT_MAX_CHARS and value.isprintable() and value.strip() == value
