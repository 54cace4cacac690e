"""X12 documents of goods that arrive: 944 transfer receipt advice, 861 receiving advice (004010)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from syncline.twin.edi.codes import CONDITIONS, X12_PURPOSES
from syncline.twin.edi.model import Receipt, ReceivedLine
from syncline.twin.edi.style import Body, Segment, Style

DAMAGE_REASON = "01"  # W1305, needed with a damage


def transfer_receipt(document: Receipt, style: Style) -> Body:
    """W17, N1 and per line W07, G69 and a W13 for each exception; W14 totals what W07 says."""
    day, *minute = style.moment(document)
    time = ["W", *minute] if minute else []
    segments: list[Segment] = [
        ["W17", "F", day, document.reference, document.order, document.shipment, *time],
        ["N1", "WH", "", "92", document.location],
    ]
    if document.authorisation:
        segments.append(["N9", "RZ", document.authorisation])
    total = Decimal(style.total_off)
    for line in document.lines:
        unit, received = style.unit(document, line.unit), _received(line, style)
        total += received
        segments.append(["W07", style.quantity(received), unit, "", "VN", line.item, "", "", line.lot])
        if line.name:
            segments.append(["G69", line.name])
        for name, units in line.exceptions:
            reason = ["", DAMAGE_REASON] if name == "damaged" else []
            segments.append(["W13", style.quantity(units), unit, CONDITIONS[name].code, *reason])
    if style.has_total:
        segments.append(["W14", style.quantity(total)])
    return Body("944", style.version, segments)


def _received(line: ReceivedLine, style: Style) -> Decimal:
    """W0701: all that is there, or what is good of it."""
    bad = sum((units for name, units in line.exceptions if CONDITIONS[name].is_there), Decimal(0))
    return line.good if style.excludes_exceptions else line.good + bad


def receiving_advice(document: Receipt, style: Style) -> Body:
    """BRA, DTM 050, N1 and per line RCD, LIN, REF; a second exception has an RCD of its own."""
    made = (style.day(document.created), X12_PURPOSES[document.purpose], "1", f"{document.created:%H%M}")
    segments: list[Segment] = [
        ["BRA", document.reference, *made],
        ["DTM", "050", *style.moment(document)],
        ["N1", "ST", "", "92", document.location],
    ]
    number = 0
    for line in document.lines:
        for counts in _counts(document, line, style):
            number += 1
            segments += [["RCD", str(number), *counts], ["LIN", "", "SK", line.item]]
            if line.lot:
                segments.append(["REF", "LT", line.lot])
    return Body("861", style.version, segments)


def _counts(document: Receipt, line: ReceivedLine, style: Style) -> Iterator[list[str]]:
    """RCD02 to RCD08: accepted, returned, in question with its condition, each with its unit."""
    unit = style.unit(document, line.unit)
    returned = [style.quantity(line.returned), unit] if line.returned else ["", ""]
    accepted = [style.quantity(line.good), unit, *returned]
    for name, units in line.exceptions:
        yield [*accepted, style.quantity(units), unit, CONDITIONS[name].code]
        accepted = [""] * 4
    if not line.exceptions:
        yield accepted
