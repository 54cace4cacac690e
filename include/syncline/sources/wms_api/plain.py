"""Whether decoded events plainly keep their contract: what their types do not say, asked of a page at a time.

The JSON Schemas are the contract. What is refused here is judged by them and becomes the same facts or the same fault;
what is accepted here they would accept: an unusual record costs time, never another answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import UNSET

from syncline.sources.wms_api.events import Adjusted, AdjustedLine, AnyEvent, Moved, Received, Shipped

# Instants, each ended by a line feed: one search of a page costs a third of one for each event.
INSTANTS = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z\n)*")
BLANKS_BEFORE_COLON = (b" :", b"\n:", b"\r:", b"\t:")
# Keys that an event, and each of its lines, has at least: the fields of its type (with `sandbox`) and `type`.
_KEYS = {Received: (9, 6), Moved: (9, 8), Adjusted: (10, 4), Shipped: (10, 6)}


def are_plain(events: Sequence[AnyEvent], content: bytes, site: str) -> bool:
    """Whether ``events``, decoded from ``content``, keep the contract and speak of ``site``.

    Without an escape in ``content`` no text of it holds a control character or half a surrogate pair.
    """
    return (
        b"\\" not in content
        and b"\x7f" not in content
        and all([event.site == site for event in events])
        and (b" " not in content or not any(" " in token for event in events for token in _tokens(event)))
        and (content.isascii() or all(event.event_id.isprintable() for event in events))
        and all(map(_are_lines_plain, events))
        and _are_instants([event.posted_at for event in events])
    )


def tell_each_key_once(events: Iterable[AnyEvent], content: bytes, keys_around: int) -> bool:
    """Whether ``content`` writes the keys of ``events``, which are plain, and ``keys_around`` more, and no other.

    False also when in doubt. Without escapes, and without a blank before any colon, every key is one ``":``
    (``decoding`` counts the same way).
    """
    if b"\\" in content or any(blank in content for blank in BLANKS_BEFORE_COLON):
        return False
    return content.count(b'":') == keys_around + sum(map(_keys, events))


def _keys(event: AnyEvent) -> int:
    own, of_line = _KEYS[type(event)]
    found = own + len(event.lines) * of_line - (event.sandbox is UNSET)
    if type(event) is Shipped:
        found += sum([line.final is not UNSET for line in event.lines])
    if type(event) is Adjusted:
        for line in event.lines:
            # A plain line has the number of its mode; a delta has its reason, too.
            found += 1 + (line.reason is not UNSET) + (line.order_line is not UNSET)
    return found


def _tokens(event: AnyEvent) -> Iterable[str]:
    """Texts that may hold no space."""
    yield from (event.event_id, event.site, event.transaction_id)
    if type(event) is Shipped:
        yield event.shipment_id
    for line in event.lines:
        yield line.uom
        order_line = getattr(line, "order_line", UNSET)
        if order_line is not UNSET:
            yield order_line


def _are_lines_plain(event: AnyEvent) -> bool:
    lines = event.lines
    if len(lines) > 1 and len({line.line for line in lines}) < len(lines):
        return False
    return type(event) is not Adjusted or all([_has_number_of(event.mode, line) for line in event.lines])


def _has_number_of(mode: str, line: AdjustedLine) -> bool:
    if mode == "count":
        return line.counted is not UNSET and line.delta is UNSET
    return line.delta is not UNSET and line.delta != 0 and line.counted is UNSET and line.reason is not UNSET


def _are_instants(times: list[str]) -> bool:
    if INSTANTS.fullmatch("".join([f"{time}\n" for time in times])) is None:
        return False
    try:
        for time in times:
            datetime.fromisoformat(time)
    except ValueError:
        return False
    return True
