"""EDIFACT DESADV and RECADV (D.96A; D.01B is the same here)."""

from __future__ import annotations

from decimal import Decimal

from syncline.twin.edi.codes import CONDITIONS, EDIFACT_PURPOSES
from syncline.twin.edi.documents.edifact_stock import item, minute, moment
from syncline.twin.edi.model import Receipt, ReceivedLine, Shipment
from syncline.twin.edi.style import Body, Segment, Style


def despatch_advice(document: Shipment, style: Style) -> Body:
    """BGM 351, DTM, RFF, NAD and per line CPS, PAC, PCI, GIN of its carton, LIN, IMD, QTY 12 and 21, GIN of its lot."""
    segments: list[Segment] = [
        ["BGM", "351", document.reference, EDIFACT_PURPOSES[document.purpose]],
        minute("137", document.created),
        moment("11", document),
        ["RFF", ("ON", document.order)],
        ["NAD", "SF", (document.ship_from, "", "92")],
        ["NAD", "DP", (document.ship_to, "", "92")],
        ["CPS", "1"],
    ]
    for number, line in enumerate(document.lines, 1):
        unit = style.unit(document, line.unit)
        segments += [["CPS", str(number + 1), "1"], ["PAC", "1", "", "CT"], ["PCI", "33E"], ["GIN", "BJ", line.sscc]]
        segments += item(number, line)
        segments.append(["QTY", ("12", style.quantity(line.shipped), unit)])
        segments.append(["QTY", ("21", style.quantity(line.ordered), unit)])
        if line.lot:
            segments.append(["GIN", "BX", line.lot])
    return Body("DESADV", f"D:{style.release}:UN", [*segments, *_total(len(document.lines), style)])


def receiving_advice(document: Receipt, style: Style) -> Body:
    """BGM 632, DTM, RFF, NAD, CPS and per line LIN, IMD, its quantities, GIN of its lot."""
    segments: list[Segment] = [
        ["BGM", "632", document.reference, EDIFACT_PURPOSES[document.purpose]],
        minute("137", document.created),
        moment("50", document),
        ["RFF", ("ON", document.order)],
        ["NAD", "DP", (document.location, "", "92")],
        ["CPS", "1"],
    ]
    for number, line in enumerate(document.lines, 1):
        unit = style.unit(document, line.unit)
        segments += item(number, line)
        segments += [["QTY", (code, style.quantity(units), unit)] for code, units in _counts(line)]
        if line.lot:
            segments.append(["GIN", "BX", line.lot])
    return Body("RECADV", f"D:{style.release}:UN", [*segments, *_total(len(document.lines), style)])


def _counts(line: ReceivedLine) -> list[tuple[str, Decimal]]:
    """6063: 48 received alone when all of it is good; else 194 accepted, 195 returned, and what is in question."""
    if not line.exceptions and not line.returned:
        return [("48", line.good)]
    returned = [("195", line.returned)] if line.returned else []
    questioned = [(CONDITIONS[name].edifact, units) for name, units in line.exceptions if CONDITIONS[name].is_there]
    return [("194", line.good), *returned, *questioned]


def _total(lines: int, style: Style) -> list[Segment]:
    """CNT 2: how many lines."""
    return [["CNT", ("2", str(lines + style.total_off))]] if style.has_total else []
