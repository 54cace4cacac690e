"""WMS events to facts. Pure: one event in, its facts (or one fault) out; the table is in docs/contracts.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from syncline.landing import Fact, fault
from syncline.sources.wms_api.contract import breach, printable

READING = "wms_api/1"
# on_hand counts everything on the floor; a condition other than good is an of-which measure (semantics §1).
OF_WHICH = {"damaged": "damaged", "hold": "quarantined"}


class Key(NamedTuple):
    """Place of an event in the API's order."""

    posted_at: datetime
    event_id: str


Change = tuple[str, int]
Line = dict[str, Any]


def facts_of(event: Any, index: int, site: str) -> list[Fact]:
    """Facts of one event of a page, or one Fact with a fault code when it breaks its contract.

    Args:
        event: the decoded record, of any shape.
        index: its position in the page.
        site: the site this source may speak of.
    """
    broken = breach(event) or _misplaced(event, site)
    if broken:
        return [_fault(event, index, *broken)]
    if event["type"] == "inventory.adjusted" and event["mode"] == "count":
        return _facts(event, index, "balance", _counted)
    return _facts(event, index, "movement", CHANGES[event["type"]])


def _facts(event: dict[str, Any], index: int, kind: Any, changes: Callable[[Line], Iterator[Change]]) -> list[Fact]:
    """One fact for each change of each line; what they share is made once, because this is the hot path of a pull."""
    event_id, transaction, site, posted_at = (
        event["event_id"],
        event["transaction_id"],
        event["site"],
        event["posted_at"],
    )
    sequence, is_test = event["sequence"], event.get("sandbox") is True
    facts = []
    for line in event["lines"]:
        number = line["line"]
        line_key, position, own_key = (
            f"{event_id}/{number}",
            f"events[{index}].lines[{number}]",
            f"{transaction}/{number}",
        )
        for measure, quantity in changes(line):
            event_key = own_key
            # The shop tells an allocation as an order: both carry its order line. Taking it back is another event.
            if measure == "allocated" and quantity > 0 and kind == "movement" and "order_line" in line:
                event_key = f"alloc:{line['order_line']}"
            content = (kind, line["sku"], site, measure, line["uom"], str(quantity), posted_at, line_key, event_key)
            facts.append(Fact(*content, position, READING, None, 1, False, sequence, is_test, transaction))
    return facts


def key_of(event: Any) -> Key | None:
    """The event's place in the order, None when it cannot be read."""
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


def _received(line: Line) -> Iterator[Change]:
    yield "on_hand", line["quantity"]
    if line["condition"] in OF_WHICH:
        yield OF_WHICH[line["condition"]], line["quantity"]


def _moved(line: Line) -> Iterator[Change]:
    left, entered = line["from_condition"], line["to_condition"]
    if left != entered:
        if left in OF_WHICH:
            yield OF_WHICH[left], -line["quantity"]
        if entered in OF_WHICH:
            yield OF_WHICH[entered], line["quantity"]


def _adjusted(line: Line) -> Iterator[Change]:
    yield line["measure"], line["delta"]


def _counted(line: Line) -> Iterator[Change]:
    yield line["measure"], line["counted"]


def _shipped(line: Line) -> Iterator[Change]:
    yield "on_hand", -line["quantity"]
    yield "allocated", -line["released"]


CHANGES: dict[str, Callable[[Line], Iterator[Change]]] = {
    "inventory.received": _received,
    "inventory.moved": _moved,
    "inventory.adjusted": _adjusted,
    "shipment.confirmed": _shipped,
}


def _misplaced(event: dict[str, Any], site: str) -> tuple[str, str] | None:
    if event["site"] != site:
        return "site_mismatch", printable(f"site is {event['site']!r}, this source speaks of {site!r}")
    if key_of(event) is None:
        return "posted_at_unreadable", printable(f"posted_at is {event['posted_at']!r}: no such instant")
    numbers = [line["line"] for line in event["lines"]]
    if len(set(numbers)) != len(numbers):
        return "line_repeated", f"line numbers repeat: {numbers[:20]}"
    return None


def _fault(event: Any, index: int, code: str, detail: str) -> Fact:
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
        code, detail + named, line_key=f"sha256:{digest}", position=f"events[{index}]", reading=READING, is_test=is_test
    )
