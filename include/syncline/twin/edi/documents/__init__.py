"""A writer for each document: what stands between the header and the trailer of its set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syncline.twin.edi.documents import (
    acknowledgments,
    edifact_goods,
    edifact_stock,
    x12_goods,
    x12_orders,
    x12_receipts,
    x12_stock,
)
from syncline.twin.edi.model import Document
from syncline.twin.edi.style import Body, Style

WRITERS: dict[str, Callable[[Any, Style], Body]] = {
    "846": x12_stock.inventory_advice,
    "850": x12_orders.purchase_order,
    "856": x12_goods.ship_notice,
    "861": x12_receipts.receiving_advice,
    "940": x12_orders.shipping_order,
    "943": x12_goods.transfer_shipment,
    "944": x12_receipts.transfer_receipt,
    "945": x12_goods.shipping_advice,
    "947": x12_stock.adjustment_advice,
    "997": acknowledgments.functional,
    "999": acknowledgments.implementation,
    "TA1": acknowledgments.interchange,
    "INVRPT": edifact_stock.inventory_report,
    "DESADV": edifact_goods.despatch_advice,
    "RECADV": edifact_goods.receiving_advice,
    "CONTRL": acknowledgments.control,
}


def body(document: Document, style: Style) -> Body:
    """The set that states ``document``; of a TA1 the segment that stands outside of any set."""
    return WRITERS[document.kind](document, style)
