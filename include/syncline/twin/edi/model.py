"""What a partner says, before anybody writes it down: business documents without a standard's codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

Purpose = Literal["original", "cancel", "replace"]

X12_KINDS = ("846", "850", "856", "861", "940", "943", "944", "945", "947", "997", "999", "TA1")
EDIFACT_KINDS = ("INVRPT", "DESADV", "RECADV", "CONTRL")
KINDS = X12_KINDS + EDIFACT_KINDS


@dataclass(frozen=True, kw_only=True)
class Document:
    """One transaction set or message.

    ``at`` is when the stated thing was true or happened, ``created`` when it was written down; both are local time of
    the partner. ``has_time`` False: only the day of ``at`` is stated. ``zone``: ``Z`` when the document says that
    ``at`` is UTC, else empty.
    """

    kind: str
    reference: str
    created: datetime
    at: datetime
    has_time: bool = True
    zone: Literal["", "Z"] = ""
    purpose: Purpose = "original"

    @property
    def when(self) -> str:
        """``at`` in the precision that is stated: a day, or a minute and its zone."""
        return f"{self.at:%Y-%m-%dT%H:%M}{self.zone}" if self.has_time else f"{self.at:%Y-%m-%d}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """``item`` is the partner's code, ``unit`` one of EA, CA, KG; an empty lot is none."""

    item: str
    unit: str
    name: str = ""
    lot: str = ""


@dataclass(frozen=True)
class Stated:
    """One number of one measure: a stock measure, ``on_order``, ``minimum``, ``projected``, or ``unmapped``."""

    measure: str
    quantity: Decimal
    lot: str = ""


@dataclass(frozen=True, kw_only=True)
class StatedLine(Line):
    """``stock`` may name a lot of its own for each number."""

    stock: tuple[Stated, ...]


@dataclass(frozen=True, kw_only=True)
class Statement(Document):
    """846, INVRPT: what stood at ``location``."""

    location: str
    lines: tuple[StatedLine, ...]


@dataclass(frozen=True, kw_only=True)
class ShippedLine(Line):
    """``item`` is what left, in carton ``sscc``. ``instead_of``: what was ordered, when another item left.

    ``number``: the order's line; 0 is the line's own place. ``is_final`` False: the rest leaves later.
    """

    ordered: Decimal
    shipped: Decimal
    instead_of: str = ""
    sscc: str = ""
    number: int = 0
    is_final: bool = True


@dataclass(frozen=True, kw_only=True)
class Shipment(Document):
    """945, 943, 856, DESADV: goods left ``ship_from`` for ``ship_to``.

    ``pallet``: SSCC of the pallet that all cartons stand on; an 856 without one has no packing levels.
    """

    order: str
    ship_from: str
    ship_to: str
    lines: tuple[ShippedLine, ...]
    pallet: str = ""


@dataclass(frozen=True, kw_only=True)
class ReceivedLine(Line):
    """``good`` came undamaged, overage included; ``exceptions`` are (condition, quantity), conditions of codes.py."""

    good: Decimal
    exceptions: tuple[tuple[str, Decimal], ...] = ()
    returned: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Receipt(Document):
    """944, 861, RECADV: goods arrived at ``location``.

    ``shipment``: number of its 943 or 856. ``authorisation``: of the return that came back. Only a 944 says them.
    """

    order: str
    location: str
    lines: tuple[ReceivedLine, ...]
    shipment: str = ""
    authorisation: str = ""


@dataclass(frozen=True, kw_only=True)
class AdjustedLine(Line):
    """``change`` is signed and of the measure of ``reason`` (codes.py).

    ``is_contradicted``: written with the sign that its reason forbids. Nobody can know which of the two is meant, so
    the truth has no fact of it.
    """

    reason: str
    change: Decimal
    is_contradicted: bool = False


@dataclass(frozen=True, kw_only=True)
class Adjustment(Document):
    """947: stock of ``location`` changed on the spot."""

    location: str
    lines: tuple[AdjustedLine, ...]


@dataclass(frozen=True, kw_only=True)
class OrderedLine(Line):
    ordered: Decimal


@dataclass(frozen=True, kw_only=True)
class Order(Document):
    """850, 940: demand, which moves no stock."""

    location: str
    ship_to: str
    lines: tuple[OrderedLine, ...]


@dataclass(frozen=True, kw_only=True)
class Acknowledgment(Document):
    """997, 999, TA1, CONTRL about an interchange, group and set that the partner got from us."""

    of_type: str
    of_interchange: str
    of_group: str
    of_set: str
    is_accepted: bool


def is_edifact(kind: str) -> bool:
    return kind in EDIFACT_KINDS
