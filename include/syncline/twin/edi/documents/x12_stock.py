"""X12 846 inventory advice and 947 inventory adjustment advice (004010)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from syncline.twin.edi.codes import INVENTORY_TYPES, REASONS, X12_PURPOSES
from syncline.twin.edi.model import AdjustedLine, Adjustment, StatedLine, Statement
from syncline.twin.edi.style import Body, Segment, Style


def inventory_advice(document: Statement, style: Style) -> Body:
    """BIA, N1 and per item LIN, PID, REF or LS with its lots, QTY or SDQ; CTT counts the items."""
    purpose = X12_PURPOSES[document.purpose]
    if document.zone:  # BIA has no zone: the instant stands in a DTM that has one
        made = [style.day(document.at)]
        zoned: list[Segment] = [["DTM", "184", *style.moment(document), "GM"]]
    else:
        made, zoned = [*style.moment(document)], []
    segments: list[Segment] = [["BIA", purpose, "SI", document.reference, *made], *zoned]
    segments.append(["N1", "WH", "", "92", document.location])
    for number, line in enumerate(document.lines, 1):
        segments.append(["LIN", str(number), "SK", line.item])
        if line.name:
            segments.append(["PID", "F", "", "", "", line.name])
        if line.lot:
            segments.append(["REF", "LT", line.lot])
        segments += _stock(document, line, style)
    if style.has_total:
        segments.append(["CTT", str(len(document.lines) + style.total_off)])
    return Body("846", style.version, segments)


def _stock(document: Statement, line: StatedLine, style: Style) -> Iterator[Segment]:
    unit = style.unit(document, line.unit)
    if style.is_unit_in_uit:
        yield ["UIT", unit]
    if style.sdq:
        where = ("ZZ", "OH") if style.sdq == "OH" else ("92", document.location)
        on_hand = [stated.quantity for stated in line.stock if stated.measure == "on_hand"]
        yield ["SDQ", unit, *where, style.quantity(sum(on_hand, Decimal(0)))]
    if style.sdq in ("only", "OH"):
        return
    for stated in line.stock:
        code = style.measure(document, stated.measure)
        yield ["QTY", code, style.quantity(stated.quantity), "" if style.is_unit_in_uit else unit]
        if stated.lot:
            yield ["LS", "LOT"]
            yield ["REF", "LT", stated.lot]
            yield ["LE", "LOT"]


def adjustment_advice(document: Adjustment, style: Style) -> Body:
    """W15, N1, G62 with the time, and per change W19 and G69."""
    day, *minute = style.moment(document)
    segments: list[Segment] = [
        ["W15", day, document.reference, "", X12_PURPOSES[document.purpose]],
        ["N1", "WH", "", "92", document.location],
    ]
    if minute:
        segments.append(["G62", "07", day, "W", *minute])
    for line in document.lines:
        measure = REASONS[line.reason].measure
        lead = ["W19", line.reason, _signed(line, style), style.unit(document, line.unit), "", "VN", line.item, "", ""]
        segments.append([*lead, line.lot, "", "", "", "", "", "", INVENTORY_TYPES.get(measure, "")])
        if line.name:
            segments.append(["G69", line.name])
    return Body("947", style.version, segments)


def _signed(line: AdjustedLine, style: Style) -> str:
    """W1902. A status move says how many, its code which way; so does an unsigned partner where the code tells."""
    measure, direction = REASONS[line.reason]
    change = -line.change if line.is_contradicted else line.change
    if measure != "on_hand" or (style.is_unsigned and direction):
        change = abs(change)
    return style.quantity(change)
