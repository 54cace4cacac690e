"""X12 documents of goods that leave: 945 shipping advice, 943 transfer shipment, 856 ship notice (004010)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from syncline.twin.edi.codes import X12_PURPOSES
from syncline.twin.edi.model import Shipment, ShippedLine
from syncline.twin.edi.style import Body, Segment, Style

CUT_REASON = "02"  # W1219
W1216 = 16  # where the item stands that was ordered
WITH_TARES, WITHOUT_PACKS = "0001", "0004"  # BSN05


def shipping_advice(document: Shipment, style: Style) -> Body:
    """W06, N1, G62, W27 and per line LX, W12, G69; W03 totals what left."""
    segments, opened = _header(document, style), 0
    for place, line in enumerate(document.lines, 1):
        number = line.number or place
        if number != opened:
            segments.append(["LX", str(number)])
            opened = number
        segments.append(_w12(document, line, style))
        if line.name:
            segments.append(["G69", line.name])
    return Body("945", style.version, [*segments, *_w03(document, style)])


def _w12(document: Shipment, line: ShippedLine, style: Style) -> Segment:
    difference = line.ordered - line.shipped
    if style.is_difference_negative:
        difference = -difference
    segment: Segment = [
        "W12", _status(line), style.quantity(line.ordered), style.quantity(line.shipped), style.quantity(difference),
        style.unit(document, line.unit), "", "VN", line.item, line.lot, *[""] * (W1216 - 10),
    ]  # fmt: skip
    segment += ["", "VN", line.instead_of] if line.instead_of else ["", "", ""]
    return [*segment, CUT_REASON if line.shipped < line.ordered else ""]


def _status(line: ShippedLine) -> str:
    """W1201: substituted, partial with the rest to come, complete, partial, cancelled."""
    if line.instead_of:
        return "CS"
    if not line.is_final:
        return "BP"
    return "CC" if line.shipped >= line.ordered else "CP" if line.shipped else "CU"


def transfer_shipment(document: Shipment, style: Style) -> Body:
    """W06, N1, G62, W27 and per line W04, G69, N9; W03 totals what left."""
    segments = _header(document, style)
    for line in document.lines:
        unit = style.unit(document, line.unit)
        segments.append(["W04", style.quantity(line.shipped), unit, "", "VN", line.item])
        if line.name:
            segments.append(["G69", line.name])
        if line.lot:
            segments.append(["N9", "LT", line.lot])
    return Body("943", style.version, [*segments, *_w03(document, style)])


def _header(document: Shipment, style: Style) -> list[Segment]:
    day, *minute = style.moment(document)
    left: Segment = ["G62", "11", day, *(["W", *minute] if minute else [])]
    return [
        ["W06", "F", document.order, style.day(document.created), document.reference],
        ["N1", "SF", "", "92", document.ship_from],
        ["N1", "ST", "", "92", document.ship_to],
        left,
        ["W27", "M", "RDWY"],
    ]


def _w03(document: Shipment, style: Style) -> list[Segment]:
    shipped = sum((line.shipped for line in document.lines), Decimal(style.total_off))
    return [["W03", style.quantity(shipped)]] if style.has_total else []


def ship_notice(document: Shipment, style: Style) -> Body:
    """BSN and HL of shipment, order, pallet and carton (as 0001) or shipment and order (0004), and item."""
    levels: list[tuple[int, str, list[Segment]]] = [
        (0, "S", [
            ["DTM", "011", *style.moment(document)],
            ["N1", "SF", "", "92", document.ship_from], ["N1", "ST", "", "92", document.ship_to],
        ]),
        (1, "O", [["PRF", document.order]]),
    ]  # fmt: skip
    if document.pallet:
        levels.append((2, "T", [["MAN", "GM", f"00{document.pallet}"]]))
    for line in document.lines:
        parent = 2
        if document.pallet:
            levels.append((3, "P", [["MAN", "GM", f"00{line.sscc}"]]))
            parent = len(levels)
        levels.append((parent, "I", list(_item(document, line, style))))
    structure = WITH_TARES if document.pallet else WITHOUT_PACKS
    made = (style.day(document.created), f"{document.created:%H%M}")
    segments: list[Segment] = [["BSN", X12_PURPOSES[document.purpose], document.reference, *made, structure]]
    for number, (above, level, inside) in enumerate(levels, 1):
        segments += [["HL", str(number), str(above or ""), level], *inside]
    if style.has_total:
        segments.append(["CTT", str(len(levels) + style.total_off)])
    return Body("856", style.version, segments)


def _item(document: Shipment, line: ShippedLine, style: Style) -> Iterator[Segment]:
    unit = style.unit(document, line.unit)
    yield ["LIN", "", "SK", line.item]
    yield ["SN1", "", style.quantity(line.shipped), unit, "", style.quantity(line.ordered), unit]
    if line.name:
        yield ["PID", "F", "", "", "", line.name]
    if line.lot:
        yield ["REF", "LT", line.lot]
