"""Newer versions of an event told as version 1: one upcaster for each, from records that keep their schema.

What a version says anew beside the facts of version 1 is kept next to the event (``books``). Version 1 itself stays the
shape that mapping reads: the same business event told in both versions has the same lines, keys and quantities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from syncline.sources.wms_api.events import AnyEvent, as_event

Books = dict[tuple[int, str], int]
Json = dict[str, Any]


class Upcast(Struct, frozen=True, gc=False):
    """An event of a newer version. ``books``: (line number, measure) -> balance of the site's book after it."""

    event: AnyEvent
    books: Books

    @property
    def posted_at(self) -> str:
        return self.event.posted_at

    @property
    def event_id(self) -> str:
        return self.event.event_id

    @property
    def sequence(self) -> int:
        return self.event.sequence


def typed(record: Json) -> AnyEvent | Upcast:
    """``record``, which keeps the schema of its version, as its type. Nothing is checked again."""
    upcast = UPCASTERS.get(record["version"])
    if upcast is None:
        return as_event(record)
    books = {
        (line["line"], measure): balance
        for line in record["lines"]
        for measure, balance in line.get("balance_after", {}).items()
    }
    return Upcast(as_event(upcast(record)), books)


def _from_2(record: Json) -> Json:
    """Version 2 nests: ``location`` has site and zone, ``quantity`` value and unit, a move its two places.

    ``occurred_at`` and the zone are evidence in the stored page: a fact is recorded when the book says so.
    """
    number = {"delta": "delta", "count": "counted"}.get(record.get("mode", ""), "quantity")
    lines = [_line_from_2(line, number) for line in record["lines"]]
    return {**record, "version": 1, "site": record["location"]["site"], "lines": lines}


def _line_from_2(line: Json, number: str) -> Json:
    quantity = line["quantity"]
    told = {**line, "uom": quantity["uom"]}
    del told["quantity"]
    told[number] = quantity["value"]
    for side in ("from", "to"):
        if side in line:
            told[f"{side}_bin"], told[f"{side}_condition"] = line[side]["bin"], line[side]["condition"]
    return told


UPCASTERS: dict[int, Callable[[Json], Json]] = {2: _from_2}
