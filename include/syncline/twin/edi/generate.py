"""Business documents by chance: the same stream gives the same document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Literal

from syncline.errors import ConfigurationError
from syncline.twin.edi.codes import CONDITIONS, EDIFACT_QUANTITIES, REASONS, X12_QUANTITIES
from syncline.twin.edi.model import (
    KINDS,
    Acknowledgment,
    AdjustedLine,
    Adjustment,
    Document,
    Order,
    OrderedLine,
    Purpose,
    Receipt,
    ReceivedLine,
    Shipment,
    ShippedLine,
    Stated,
    StatedLine,
    Statement,
    is_edifact,
)

START, DAYS = datetime(2026, 11, 2), 5
OURS, THEIRS = ("ACM-CHI", "BETA-NJ2", "GAM-RNO"), ("STORE-104", "STORE-233", "PLANT-7")
ITEMS = 200
NAMES = ("Trail mix 12OZ", "Spring water 24PK", "Granola bars variety", "Desk lamp black", "Wool socks grey L")
LINES_MAX = 6
QUARTER = Decimal("0.25")


def generate(rng: Random, kind: str) -> Document:
    """A document of ``kind`` (one of ``KINDS``) with one to six lines.

    Raises:
        ConfigurationError: an unknown kind.
    """
    if kind not in KINDS:
        raise ConfigurationError(f"There is no document {kind!r}.", next_step=f"Use one of: {', '.join(KINDS)}.")
    at = START + timedelta(minutes=rng.randrange(DAYS * 1440))
    head = {
        "kind": kind,
        "reference": f"{kind[:3]}{rng.randrange(10**6):06d}",
        "created": at + timedelta(minutes=rng.randrange(1, 90)),
        "at": at,
    }
    return _MAKERS[kind](rng, head)


def _items(rng: Random) -> list[dict[str, Any]]:
    """Distinct items: code, unit, name and, of some, a lot."""
    found = []
    for number in rng.sample(range(1, ITEMS + 1), rng.randint(1, LINES_MAX)):
        unit = rng.choices(("EA", "CA", "KG"), (15, 3, 2))[0]
        lot = f"L{rng.randrange(10_000):04d}" if rng.random() < 0.3 else ""
        found.append({"item": f"A-1{number:04d}", "unit": unit, "name": rng.choice(NAMES), "lot": lot})
    return found


def _units(rng: Random, unit: str, least: int = 1, most: int = 400) -> Decimal:
    """Whole units, of goods by weight also quarters."""
    quarters = rng.randrange(4) if unit == "KG" else 0
    return rng.randint(least, most) + quarters * QUARTER


def _purpose(rng: Random) -> Purpose:
    purposes: tuple[Purpose, ...] = ("original", "cancel", "replace")
    return rng.choices(purposes, (18, 1, 1))[0]


def _statement(rng: Random, head: dict[str, Any]) -> Statement:
    codes = EDIFACT_QUANTITIES if is_edifact(head["kind"]) else X12_QUANTITIES
    others = [name for name in codes if name not in ("on_hand", "unmapped")]
    lines = []
    for item in _items(rng):
        measures = ["on_hand", *(name for name in others if rng.random() < 0.3)]
        lot = item.pop("lot")
        if lot and rng.random() < 0.5:  # the parts of the lots, each in a loop of its own
            lots = [f"{lot}{part}" for part in "ABC"[: rng.randint(2, 3)]]
        else:
            item["lot"], lots = lot, [""]
        stock = tuple(Stated(name, _units(rng, item["unit"], 0), each) for name in measures for each in lots)
        lines.append(StatedLine(**item, stock=stock))
    zone: Literal["", "Z"] = "Z" if head["kind"] == "846" and rng.random() < 0.1 else ""
    return Statement(**head, location=rng.choice(OURS), lines=tuple(lines), zone=zone, purpose=_purpose(rng))


def _shipment(rng: Random, head: dict[str, Any]) -> Shipment:
    kind, lines = head["kind"], []
    for item in _items(rng):
        ordered = _units(rng, item["unit"])
        shipped = ordered
        if rng.random() < 0.25:
            shipped = max(Decimal(0), ordered - _units(rng, item["unit"], 1, 100))
        if kind != "945":
            shipped = shipped or ordered  # what is not under way is not announced
        extra: dict[str, Any] = {"sscc": _sscc(rng)} if kind in ("856", "DESADV") else {}
        if kind == "945" and shipped and rng.random() < 0.15:
            extra["instead_of"] = f"A-2{rng.randrange(1, ITEMS):04d}"
        lines.append(ShippedLine(**item, ordered=ordered, shipped=shipped, **extra))
    to = OURS if kind in ("943", "856", "DESADV") else THEIRS
    ship_from = rng.choice(OURS if kind in ("943", "945") else THEIRS)
    ship_to = rng.choice([each for each in to if each != ship_from])
    pallet = _sscc(rng) if kind == "856" and rng.random() < 0.5 else ""
    purpose: Purpose = _purpose(rng) if kind in ("856", "DESADV") else "original"
    return Shipment(
        **head, order=f"PO{rng.randrange(10**5):05d}", ship_from=ship_from, ship_to=ship_to, lines=tuple(lines),
        pallet=pallet, purpose=purpose,
    )  # fmt: skip


def _sscc(rng: Random) -> str:
    """18 digits, the last of them the check digit (GS1 General Specifications, 7.9)."""
    digits = f"1{rng.randrange(10**16):016d}"
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def _receipt(rng: Random, head: dict[str, Any]) -> Receipt:
    names = [name for name in CONDITIONS if head["kind"] == "944" or name not in ("short", "over")]
    lines = []
    for item in _items(rng):
        exceptions: tuple[tuple[str, Decimal], ...] = ()
        if rng.random() < 0.4:
            chosen = rng.sample(names, rng.randint(1, 2 if head["kind"] == "944" else 1))
            exceptions = tuple((name, _units(rng, item["unit"], 1, 9)) for name in chosen)
        has_returns = head["kind"] != "944" and rng.random() < 0.15
        returned = _units(rng, item["unit"], 1, 9) if has_returns else Decimal(0)
        good = _units(rng, item["unit"], 10)  # more than any overage told beside it
        lines.append(ReceivedLine(**item, good=good, exceptions=exceptions, returned=returned))
    purpose: Purpose = _purpose(rng) if head["kind"] != "944" else "original"
    order = f"PO{rng.randrange(10**5):05d}"
    return Receipt(**head, order=order, location=rng.choice(OURS), lines=tuple(lines), purpose=purpose)


def _adjustment(rng: Random, head: dict[str, Any]) -> Adjustment:
    lines = []
    for item in _items(rng):
        reason = rng.choice(sorted(REASONS))
        direction = REASONS[reason].direction or rng.choice((-1, 1))
        lines.append(AdjustedLine(**item, reason=reason, change=direction * _units(rng, item["unit"], 1, 60)))
    return Adjustment(**head, location=rng.choice(OURS), lines=tuple(lines), purpose=_purpose(rng))


def _order(rng: Random, head: dict[str, Any]) -> Order:
    lines = tuple(OrderedLine(**item, ordered=_units(rng, item["unit"])) for item in _items(rng))
    return Order(**head, location=rng.choice(OURS), ship_to=rng.choice(THEIRS), lines=lines)


def _acknowledgment(rng: Random, head: dict[str, Any]) -> Acknowledgment:
    return Acknowledgment(
        **head,
        of_type="DESADV" if is_edifact(head["kind"]) else "940",
        of_interchange=f"{rng.randrange(1, 10**6):09d}",
        of_group=str(rng.randrange(1, 10**6)),
        of_set=f"{rng.randrange(1, 10**4):04d}",
        is_accepted=rng.random() < 0.8,
    )


_MAKERS: dict[str, Callable[[Random, dict[str, Any]], Document]] = {
    **dict.fromkeys(("846", "INVRPT"), _statement),
    **dict.fromkeys(("943", "945", "856", "DESADV"), _shipment),
    **dict.fromkeys(("944", "861", "RECADV"), _receipt),
    **dict.fromkeys(("850", "940"), _order),
    **dict.fromkeys(("997", "999", "TA1", "CONTRL"), _acknowledgment),
    "947": _adjustment,
}
