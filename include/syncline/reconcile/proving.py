"""Whether the pages of a full state are one state, and whole. Only then may absence in it come to mean zero (§7.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from syncline.landing.snapshots import span_of

if TYPE_CHECKING:
    from datetime import datetime

    from syncline.reconcile.pages import Control, Page, Scope


class Fault(NamedTuple):
    """Why a state is not proven: a code of docs/reference/codes.md and a text for people."""

    code: str
    detail: str


class Limits(NamedTuple):
    """What is read of one state at most."""

    pages: int
    lines: int
    bytes: int


class Proof:
    """Take every page in order, then ``end``. ``fault`` is the first thing that keeps the state from being proven.

    Args:
        location: the one location that was asked for, as the source writes it.
        latest: an as-of later than this is of the future.
    """

    def __init__(self, location: str, limits: Limits, latest: datetime) -> None:
        self._location, self._limits, self._latest = location, limits, latest
        self.fault: Fault | None = None
        self.as_of: str | None = None
        self.scope: Scope | None = None
        self.control: Control | None = None
        self.lines = 0
        self.units = Decimal(0)
        self._etag = ""
        self._pages = self._bytes = 0
        self._keys: set[str] = set()  # one text each: a state has up to millions

    def refuse(self, code: str, detail: str) -> None:
        """The first refusal stays: what follows from it says less."""
        self.fault = self.fault or Fault(code, detail)

    def take(self, page: Page, size: int) -> None:
        """Judge the next page, ``size`` bytes long."""
        self._pages += 1
        self._bytes += size
        if self.as_of is None:
            self.as_of, self.scope, self._etag = page.as_of, page.scope, page.etag
            span = span_of(page.as_of)
            if span is None or span[0] > self._latest:
                self.refuse("as_of_future", f"it is of {page.as_of}, which is still to come")
        self._check_state(page)
        self._check_lines(page)
        if self._pages > self._limits.pages or self._bytes > self._limits.bytes or self.lines > self._limits.lines:
            self.refuse(
                "state_too_large",
                f"{self._pages} pages, {self.lines} lines, {self._bytes} bytes; at most {self._limits.pages},"
                f" {self._limits.lines} and {self._limits.bytes} are read",
            )
        if page.next_token is None:
            self.control = page.control

    def end(self) -> None:
        """All pages are taken: the totals must be there and hold."""
        if self.control is None:
            self.refuse("no_control_totals", f"page {self._pages} is the last one and has no control totals")
            return
        if self.control.lines != self.lines:
            self.refuse("control_lines", f"the control total says {self.control.lines} lines, {self.lines} were read")
        if self.control.units != self.units:
            self.refuse("control_units", f"the control total says {self.control.units} units, {self.units} were read")

    def _check_state(self, page: Page) -> None:
        """Every page is the next one of the same state."""
        if page.number != self._pages:
            self.refuse("page_missing", f"page {self._pages} was expected, page {page.number} came")
        if (page.as_of, page.etag) != (self.as_of, self._etag):
            tag = "" if page.as_of != self.as_of else ", by its ETag"
            self.refuse("other_as_of", f"page {page.number} is of {page.as_of}, the first one of {self.as_of}{tag}")
        if page.scope is None:
            self.refuse("no_scope", f"page {page.number} does not declare what it is complete for")
        elif page.scope != self.scope or page.scope.locations != (self._location,):
            told = ", ".join(page.scope.locations)
            self.refuse("other_scope", f"page {page.number} is about {told[:200]}, asked was {self._location}")
        if page.control is not None and page.next_token is not None:
            self.refuse("control_early", f"page {page.number} has control totals, and a page behind it")

    def _check_lines(self, page: Page) -> None:
        if page.broken is not None:
            self.refuse("line_unreadable", f"page {page.number}, {page.broken}")
        measures = set(page.scope.measures if page.scope else ())
        for line in page.lines:
            if line.location_ref != self._location or line.status_ref not in measures:
                told = f"{line.location_ref}, {line.status_ref}"
                self.refuse("out_of_scope", f"page {page.number}: item {line.item_ref} is about {told}")
            if (key := "\0".join(line.key)) in self._keys:
                self.refuse("line_repeated", f"page {page.number}: item {line.item_ref}, {line.status_ref} comes again")
            self._keys.add(key)
            self.units += Decimal(line.quantity)
        self.lines += len(page.lines)
