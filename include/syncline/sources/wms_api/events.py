"""Events of the WMS API, version 1, as types: the shapes that mapping reads, and that a decoder fills in one pass.

The contract is the JSON Schemas beside this file. Decoding into these types refuses whatever a schema refuses, but for
what ``plain`` checks besides: characters of texts, instants, and which number goes with an adjustment's ``mode``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(min_length=1, max_length=80)]
Condition = Literal["good", "damaged", "hold"]
Measure = Literal["on_hand", "allocated", "damaged", "quarantined"]
Units = Annotated[int, Meta(ge=1, le=1_000_000_000)]
UnitsOrNone = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Lines = Meta(min_length=1, max_length=1000)


class Line(Struct, frozen=True, gc=False):
    line: Annotated[int, Meta(ge=1, le=100_000)]
    sku: Text
    uom: Text


class ReceivedLine(Line, frozen=True, gc=False):
    quantity: Units
    condition: Condition
    reason: Literal["purchase", "return", "transfer"]


class MovedLine(Line, frozen=True, gc=False):
    quantity: Units
    from_bin: Text
    to_bin: Text
    from_condition: Condition
    to_condition: Condition


class AdjustedLine(Line, frozen=True, gc=False):
    measure: Measure
    reason: Text | UnsetType = UNSET
    order_line: Text | UnsetType = UNSET
    delta: Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)] | UnsetType = UNSET
    counted: UnitsOrNone | UnsetType = UNSET


class ShippedLine(Line, frozen=True, gc=False):
    quantity: UnitsOrNone
    released: UnitsOrNone
    order_line: Text
    final: bool | UnsetType = UNSET


class Event(Struct, frozen=True, gc=False, tag_field="type", kw_only=True):
    event_id: Text
    version: Literal[1]
    site: Text
    sequence: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    transaction_id: Text
    posted_at: Text
    sandbox: bool | UnsetType = UNSET


class Received(Event, frozen=True, gc=False, kw_only=True, tag="inventory.received"):
    lines: Annotated[list[ReceivedLine], Lines]


class Moved(Event, frozen=True, gc=False, kw_only=True, tag="inventory.moved"):
    lines: Annotated[list[MovedLine], Lines]


class Adjusted(Event, frozen=True, gc=False, kw_only=True, tag="inventory.adjusted"):
    mode: Literal["delta", "count"]
    lines: Annotated[list[AdjustedLine], Lines]


class Shipped(Event, frozen=True, gc=False, kw_only=True, tag="shipment.confirmed"):
    shipment_id: Text
    lines: Annotated[list[ShippedLine], Lines]


AnyEvent = Received | Moved | Adjusted | Shipped
_LINES: dict[type[AnyEvent], type[Line]] = {
    Received: ReceivedLine,
    Moved: MovedLine,
    Adjusted: AdjustedLine,
    Shipped: ShippedLine,
}
_EVENTS: dict[str, type[AnyEvent]] = {str(kind.__struct_config__.tag): kind for kind in _LINES}


def as_event(record: dict[str, Any]) -> AnyEvent:
    """``record`` of version 1, which keeps its schema, as its type. Nothing is checked again."""
    kind = _EVENTS[record["type"]]
    lines = [_filled(_LINES[kind], line) for line in record["lines"]]
    event: AnyEvent = _filled(kind, record | {"lines": lines})
    return event


def _filled(kind: Any, record: dict[str, Any]) -> Any:
    return kind(**{name: record[name] for name in kind.__struct_fields__ if name in record})
