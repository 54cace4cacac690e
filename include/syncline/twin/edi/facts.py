"""The truth: which facts about stock a document holds, by its meaning alone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from syncline.twin.edi.codes import CONDITIONS, EDIFACT_UNITS, REASONS, STOCK, X12_UNITS
from syncline.twin.edi.model import (
    Adjustment,
    Document,
    Line,
    Receipt,
    Shipment,
    Statement,
    is_edifact,
)


class Fact(NamedTuple):
    """One number about one measure of one key.

    ``kind`` is balance or movement; ``item``, ``location`` and ``unit`` are the partner's codes (the unit that is
    meant, also where a wrong one is written); ``quantity`` is plain decimal text without needless zeros, signed for a
    movement; ``when`` has the precision sent (``2026-11-02``, ``2026-11-02T14:30``, ``…Z``). ``measure`` is
    ``unmapped`` for a code that means nothing.
    """

    kind: str
    item: str
    location: str
    measure: str
    quantity: str
    unit: str
    lot: str
    when: str
    purpose: str


def plain(quantity: Decimal) -> str:
    """``12``, ``-0.25``: no exponent, no trailing zeros."""
    return f"{quantity.normalize():f}"


def expected(document: Document) -> list[Fact]:
    """Facts of ``document`` in the order of its lines. Demand and acknowledgments have none."""
    match document:
        case Statement():
            return list(_balances(document))
        case Shipment():
            return list(_shipped(document))
        case Receipt():
            return list(_received(document))
        case Adjustment():
            return list(_adjusted(document))
    return []


def _balances(document: Statement) -> Iterator[Fact]:
    for line in document.lines:
        for stated in line.stock:
            if stated.measure in (*STOCK, "unmapped"):
                lot = stated.lot or line.lot
                yield _fact(document, line, document.location, stated.measure, stated.quantity, "balance", lot)


def _shipped(document: Shipment) -> Iterator[Fact]:
    """945: it left. 943: it left and is under way. 856, DESADV: it is under way to us."""
    for line in document.lines:
        if line.shipped and document.kind in ("945", "943"):
            yield _fact(document, line, document.ship_from, "on_hand", -line.shipped)
        if line.shipped and document.kind != "945":
            yield _fact(document, line, document.ship_to, "in_transit", line.shipped)


def _received(document: Receipt) -> Iterator[Fact]:
    """On hand is all that is physically there; damaged and quarantined are parts of it."""
    for line in document.lines:
        there = [(CONDITIONS[name].measure, units) for name, units in line.exceptions if CONDITIONS[name].is_there]
        on_hand = line.good + sum(units for _, units in there)
        if on_hand:
            yield _fact(document, line, document.location, "on_hand", on_hand)
        for measure in ("damaged", "quarantined"):
            units = sum((units for name, units in there if name == measure), Decimal(0))
            if units:
                yield _fact(document, line, document.location, measure, units)


def _adjusted(document: Adjustment) -> Iterator[Fact]:
    for line in document.lines:
        if not line.is_contradicted:
            yield _fact(document, line, document.location, REASONS[line.reason].measure, line.change)


def _fact(
    document: Document,
    line: Line,
    location: str,
    measure: str,
    quantity: Decimal,
    kind: str = "movement",
    lot: str | None = None,
) -> Fact:
    units = EDIFACT_UNITS if is_edifact(document.kind) else X12_UNITS
    return Fact(
        kind, line.item, location, measure, plain(quantity), units[line.unit], line.lot if lot is None else lot,
        document.when, document.purpose,
    )  # fmt: skip
