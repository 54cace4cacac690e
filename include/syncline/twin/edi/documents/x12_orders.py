"""X12 orders, which move no stock: 850 purchase order, 940 warehouse shipping order (004010)."""

from __future__ import annotations

from decimal import Decimal

from syncline.twin.edi.model import Order
from syncline.twin.edi.style import Body, Segment, Style


def purchase_order(document: Order, style: Style) -> Body:
    """BEG, N1 and per line PO1, PID; CTT counts the lines."""
    segments: list[Segment] = [
        ["BEG", "00", "SA", document.reference, "", style.day(document.at)],
        ["N1", "ST", "", "92", document.location],
    ]
    for number, line in enumerate(document.lines, 1):
        unit = style.unit(document, line.unit)
        segments.append(["PO1", str(number), style.quantity(line.ordered), unit, "", "", "SK", line.item])
        if line.name:
            segments.append(["PID", "F", "", "", "", line.name])
    if style.has_total:
        segments.append(["CTT", str(len(document.lines) + style.total_off)])
    return Body("850", style.version, segments)


def shipping_order(document: Order, style: Style) -> Body:
    """W05, N1, G62, W66 and per line LX, W01, G69; W76 totals what is ordered."""
    segments: list[Segment] = [
        ["W05", "N", document.reference],
        ["N1", "SF", "", "92", document.location],
        ["N1", "ST", "", "92", document.ship_to],
        ["G62", "10", style.day(document.at)],
        ["W66", "CC", "M"],
    ]
    for number, line in enumerate(document.lines, 1):
        unit = style.unit(document, line.unit)
        lead: Segment = ["W01", style.quantity(line.ordered), unit, "", "VN", line.item]
        segments += [["LX", str(number)], [*lead, *[""] * 7, line.lot]]
        if line.name:
            segments.append(["G69", line.name])
    if style.has_total:
        total = sum((line.ordered for line in document.lines), Decimal(style.total_off))
        segments.append(["W76", style.quantity(total)])
    return Body("940", style.version, segments)
