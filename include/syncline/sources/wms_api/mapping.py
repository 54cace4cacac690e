"""WMS events to facts. Pure: one event in, its facts (or one fault) out; the table is in docs/contracts.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import UNSET

from syncline.landing import Fact, fault
from syncline.sources.wms_api.contract import breach, printable
from syncline.sources.wms_api.events import (
    Adjusted,
    AdjustedLine,
    Event,
    Moved,
    MovedLine,
    Received,
    ReceivedLine,
    Shipped,
    ShippedLine,
)
from syncline.sources.wms_api.upcast import Upcast, typed

READING = "wms_api/3"  # raise it with every change of what is read from the same event, schemas included
# on_hand counts everything on the floor; a condition other than good is an of-which measure (semantics §1).
OF_WHICH = {"damaged": "damaged", "hold": "quarantined"}


# serves and what follows, but the reason: COPY takes all fields of a fact, by their place
_NO_LINKS: tuple[Any, ...] = (None,) * 5
_new_fact = tuple.__new__  # what Fact() does after a call of Python; a load makes tens of thousands


@cache
def reading_of(site: str) -> str:
    """Mapping and site, as ``raw.facts.reading`` names them: events of another site are faults."""
    return f"{READING} {site}"


class Key(NamedTuple):
    """Place of an event in the API's order."""

    posted_at: datetime
    event_id: str


Changes = list[tuple[str, int]]  # (measure, units)


def facts_of(record: Any, index: int, site: str) -> list[Fact]:
    """Facts of one record of a page, or one Fact with a fault code when it breaks its contract.

    Args:
        record: an event that keeps its contract, or a decoded record of any shape and version.
        index: its position in the page.
        site: the site this source may speak of.
    """
    if isinstance(record, Event):
        return _facts(record, index)
    if isinstance(record, Upcast):
        return _with_books(record, index)
    broken = fault_of(record, site)
    if broken:
        return [_fault(record, index, *broken, reading_of(site))]
    return facts_of(typed(record), index, site)


def fault_of(record: Any, site: str) -> tuple[str, str] | None:
    """(code, detail) of what keeps a decoded record of ``site`` out, None when nothing does."""
    return breach(record) or _misplaced(record, site)


def _with_books(record: Upcast, index: int) -> list[Fact]:
    """Facts of an event that says what the site's book held after it."""
    facts = _facts(record.event, index)
    if not record.books:
        return facts
    measures = ((line.line, measure) for line in record.event.lines for measure, _ in CHANGES[type(record.event)](line))
    told = [record.books.get(place) for place in measures]
    return [
        fact if balance is None else fact._replace(balance_after=str(balance))
        for fact, balance in zip(facts, told, strict=True)
    ]


def _facts(event: Any, index: int) -> list[Fact]:
    """One fact for each change of each line; what they share is made once, because this is the hot path of a pull."""
    changes_of = CHANGES[type(event)]
    is_shipment = type(event) is Shipped
    is_count = type(event) is Adjusted and event.mode == "count"
    kind: Any = "balance" if is_count else "movement"
    reason = "count" if is_count else None
    site, posted_at, transaction = event.site, event.posted_at, event.transaction_id
    sequence, is_test, reading = event.sequence, event.sandbox is True, reading_of(site)
    facts = []
    for line in event.lines:
        for measure, quantity in changes_of(line):
            place = f"/{line.line}"
            event_key = transaction + place
            # The shop tells an allocation as an order: both carry its order line. Taking it back is another event.
            if measure == "allocated" and quantity > 0 and not is_count and line.order_line is not UNSET:
                event_key = f"alloc:{line.order_line}"
            links = _NO_LINKS
            # Without `final` nobody said that the order line is a release.
            if is_shipment and measure == "on_hand" and line.final is not UNSET:
                links = (line.order_line, line.final, None, None, None)
            content = (
                kind, line.sku, site, measure, line.uom, str(quantity), posted_at, event.event_id + place, event_key,
                f"events[{index}].lines[{line.line}]", reading, None, 1, False, sequence, is_test, transaction,
                None, None, None, None, *links, reason,
            )  # fmt: skip
            facts.append(_new_fact(Fact, content))
    return facts


def key_of(event: Any) -> Key | None:
    """The event's place in the order, None when it cannot be read."""
    if isinstance(event, (Event, Upcast)):
        return Key(datetime.fromisoformat(event.posted_at), event.event_id)
    if not isinstance(event, dict):
        return None
    posted_at, event_id = event.get("posted_at"), event.get("event_id")
    if not (
        isinstance(posted_at, str) and isinstance(event_id, str) and event_id.isprintable() and len(event_id) <= 80
    ):
        return None
    try:
        instant = datetime.fromisoformat(posted_at)
        return Key(instant.astimezone(UTC), event_id) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


def number_of(event: Any, site: str) -> int | None:
    """The event's place in the sequence of ``site``; None when it cannot be read, or is another site's."""
    if isinstance(event, (Event, Upcast)):
        return event.sequence
    if not isinstance(event, dict):
        return None
    number, place = event.get("sequence"), event.get("location")
    told = event.get("site", place.get("site") if isinstance(place, dict) else None)
    return number if type(number) is int and 0 <= number < 2**53 and told == site else None


def _received(line: ReceivedLine) -> Changes:
    if line.condition in OF_WHICH:
        return [("on_hand", line.quantity), (OF_WHICH[line.condition], line.quantity)]
    return [("on_hand", line.quantity)]


def _moved(line: MovedLine) -> Changes:
    left, entered = line.from_condition, line.to_condition
    if left == entered:
        return []
    taken: Changes = [(OF_WHICH[left], -line.quantity)] if left in OF_WHICH else []
    return [*taken, (OF_WHICH[entered], line.quantity)] if entered in OF_WHICH else taken


def _adjusted(line: AdjustedLine) -> Changes:
    """The number of the event's mode: a line has one of the two."""
    number = line.counted if line.delta is UNSET else line.delta
    return [(line.measure, number)] if number is not UNSET else []


def _shipped(line: ShippedLine) -> Changes:
    return [("on_hand", -line.quantity), ("allocated", -line.released)]


CHANGES: dict[type[Event], Callable[[Any], Changes]] = {
    Received: _received,
    Moved: _moved,
    Adjusted: _adjusted,
    Shipped: _shipped,
}


def _misplaced(event: dict[str, Any], site: str) -> tuple[str, str] | None:
    told = event["site"] if event["version"] == 1 else event["location"]["site"]
    if told != site:
        return "site_mismatch", printable(f"site is {told!r}, this source speaks of {site!r}")
    if key_of(event) is None:
        return "posted_at_unreadable", printable(f"posted_at is {event['posted_at']!r}: no such instant")
    numbers = [line["line"] for line in event["lines"]]
    if len(set(numbers)) != len(numbers):
        return "line_repeated", f"line numbers repeat: {numbers[:20]}"
    return None


def _fault(event: Any, index: int, code: str, detail: str, reading: str) -> Fact:
    # The digest tells two broken records with the same defect apart, and knows the same record read again.
    event_id = event.get("event_id") if isinstance(event, dict) else None
    try:
        record = json.dumps(event, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        record = f"too deep: {event_id!r}"
    digest = sha256(record.encode("ascii", "backslashreplace")).hexdigest()
    named = f" (event_id {printable(repr(event_id))[:80]})" if isinstance(event_id, str) else ""
    is_test = isinstance(event, dict) and event.get("sandbox") is True
    return fault(
        code, detail + named, line_key=f"sha256:{digest}", position=f"events[{index}]", reading=reading, is_test=is_test
    )
