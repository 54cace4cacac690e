"""EDIFACT INVRPT, D.96A and D.01B: between the two the order of INV and QTY was turned round."""

from __future__ import annotations

from datetime import datetime

from syncline.twin.edi.codes import EDIFACT_PURPOSES
from syncline.twin.edi.model import Document, Line, Statement
from syncline.twin.edi.style import Body, Segment, Style

STOCK_TYPES = {"damaged": "2"}  # 7491; what is not damaged is accepted stock
ACCEPTED = "1"


def inventory_report(document: Statement, style: Style) -> Body:
    """BGM, DTM 137 and 366, NAD and per item LIN, IMD, and per number QTY and GIN; D.01B has INV before QTY."""
    segments: list[Segment] = [
        ["BGM", "35", document.reference, EDIFACT_PURPOSES[document.purpose]],
        minute("137", document.created),
        moment("366", document),
        ["NAD", "WH", (document.location, "", "92")],
    ]
    for number, line in enumerate(document.lines, 1):
        segments += item(number, line)
        for stated in line.stock:
            code = style.measure(document, stated.measure)
            quantity = (code, style.quantity(stated.quantity), style.unit(document, line.unit))
            if style.release == "01B":
                segments.append(["INV", "", STOCK_TYPES.get(stated.measure, ACCEPTED)])
            segments.append(["QTY", quantity])
            if lot := stated.lot or line.lot:
                segments.append(["GIN", "BX", lot])
    return Body("INVRPT", f"D:{style.release}:UN", segments)


def item(number: int, line: Line) -> list[Segment]:
    """LIN with the supplier's code, and IMD with the name when there is one."""
    named: list[Segment] = [["IMD", "F", "", ("", "", "", line.name)]] if line.name else []
    return [["LIN", str(number), "", (line.item, "SA")], *named]


def minute(qualifier: str, at: datetime) -> Segment:
    return ["DTM", (qualifier, f"{at:%Y%m%d%H%M}", "203")]


def moment(qualifier: str, document: Document) -> Segment:
    """``at`` as a minute (format 203) or a day (102)."""
    return minute(qualifier, document.at) if document.has_time else ["DTM", (qualifier, f"{document.at:%Y%m%d}", "102")]
