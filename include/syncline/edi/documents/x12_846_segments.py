"""The segments of an X12 846 that are read, and one item's loop while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncline.edi.documents.grammar import CODE, COUNT, DATE, QUANTITY, TEXT, TIME, Element, SegmentTable
from syncline.edi.errors import Fault
from syncline.edi.tokenizer import Segment

TABLES = {
    table.id: table
    for table in (
        SegmentTable(
            "BIA",
            (
                Element(1, "purpose", CODE, True),
                Element(3, "reference", TEXT, True),
                Element(4, "day", DATE, True),
                Element(5, "time", TIME),
            ),
        ),
        SegmentTable(
            "DTM",
            (
                Element(1, "qualifier", CODE, True),
                Element(2, "day", DATE),
                Element(3, "time", TIME),
                Element(4, "zone", CODE),
            ),
        ),
        SegmentTable("N1", (Element(1, "entity", CODE, True), Element(4, "id", TEXT))),
        SegmentTable("REF", (Element(1, "qualifier", CODE, True), Element(2, "value", TEXT))),
        SegmentTable(
            "QTY", (Element(1, "code", CODE, True), Element(2, "quantity", QUANTITY, True), Element(3, "uom", TEXT))
        ),
        SegmentTable("UIT", (Element(1, "uom", TEXT, True),)),
        SegmentTable("CTT", (Element(1, "lines", COUNT, True),)),
    )
}


@dataclass(slots=True)
class Quantity:
    """One QTY and what the UIT and REF behind it add."""

    segment: Segment
    code: str
    quantity: str
    uom: str
    lot: str = ""


@dataclass(slots=True)
class Item:
    """One LIN loop. ``faults`` keep out the whole item, ``line_faults`` one of its quantities."""

    segment: Segment
    ordinal: int
    item: str = ""
    lot: str = ""
    uom: str = ""
    location: str = ""
    as_of: str = ""
    quantities: list[Quantity] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    line_faults: list[Fault] = field(default_factory=list)
