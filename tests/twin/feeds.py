"""Feeds written by hand: one key, a few events and files, and what the baselines make of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from syncline.twin.books import Posting
from syncline.twin.crosswalk import StockKey
from syncline.twin.deliveries import Delivery
from syncline.twin.network import DEMO, PARTNERS
from syncline.twin.orders import Attempt
from syncline.twin.partner_documents import document_of
from syncline.twin.partner_documents import write as write_documents
from syncline.twin.replay import Change, Lived, Outcome, replay
from syncline.twin.wms_log import iso_ms
from syncline.twin.x12_846 import Advice, write

ACME, BETA = PARTNERS
ONE = StockKey("SKU-0001", "DC1")  # class A: safety stock 3 in the shop, 12 EA in a case
EDI_ONLY = StockKey("SKU-0001", "DC3")
START_MS = 1_793_620_800_000  # 2026-11-02T12:00Z
HOUR_S = 3600


def ms(at_s: float) -> int:
    return START_MS + round(at_s * 1000)


def event(
    at_s: float, kind: str, transaction: str, *lines: dict[str, Any], seen_s: float | None = None, **fields: Any
) -> Delivery:
    """An event of DC1 posted at ``at_s`` seconds of the day and seen then, or at ``seen_s``."""
    body = {
        "event_id": f"DC1-{at_s}", "type": kind, "version": 1, "site": "DC1", "sequence": 1 + round(at_s * 1000),
        "transaction_id": transaction, "posted_at": iso_ms(ms(at_s)), "sandbox": False, **fields,
        "lines": [{"line": number, "sku": ONE.item, "uom": "EA", **line} for number, line in enumerate(lines, 1)],
    }  # fmt: skip
    return Delivery(ms(at_s if seen_s is None else seen_s), "dc1_wms", body["event_id"], body)


def count(at_s: float, units: int, *, measure: str = "on_hand", seen_s: float | None = None) -> Delivery:
    line = {"counted": units, "measure": measure}
    return event(at_s, "inventory.adjusted", f"count-{at_s}", line, seen_s=seen_s, mode="count")


def found(at_s: float, units: int, transaction: str = "", *, seen_s: float | None = None, **line: Any) -> Delivery:
    """A movement of ``on_hand`` (or of another ``measure``), signed."""
    told = {"delta": units, "measure": "on_hand", "reason": "found", **line}
    return event(at_s, "inventory.adjusted", transaction or f"T-{at_s}", told, seen_s=seen_s, mode="delta")


def file(seen_s: float, as_of_s: float, units: int, *, partner: Any = ACME, control: int = 1, **how: Any) -> Delivery:
    """An 846 that says ``units`` on hand of every item and nothing of every other measure."""
    advice = Advice(partner, control, ms(seen_s), ms(as_of_s), how.get("has_time", True))
    content = write(advice, DEMO.items, lambda _, measure: units if measure == "on_hand" else 0)
    return Delivery(ms(seen_s), partner.source, advice.file_name, content)


def shipment(seen_s: float, at_s: float, units: int, transaction: str, *, partner: Any = ACME) -> Delivery:
    """A 945 of ``units`` that left at ``at_s``."""
    line = {"line": 1, "sku": ONE.item, "uom": "EA", "quantity": units, "released": units, "order_line": "O-1/1"}
    at, sent = (
        datetime.fromtimestamp(ms(each) / 1000, UTC).astimezone(ZoneInfo(partner.timezone)) for each in (at_s, seen_s)
    )
    document = document_of("945", Posting(ms(at_s), "", transaction, [line], [], ""), partner, DEMO, at)
    return Delivery(ms(seen_s), partner.source, f"{transaction}.edi", write_documents([document], partner, 900, sent))


def sale(at_s: float, units: int, order_line: str = "O-1/1", *, sellable: int = 999, key: StockKey = ONE) -> Attempt:
    return Attempt(ms(at_s), *key, units, units, sellable, units, order_line)


def lived(
    *told: Delivery,
    truth: list[tuple[float, int]] | None = None,
    attempts: list[Attempt] | None = None,
    nights_s: tuple[float, ...] = (),
    key: StockKey = ONE,
    hours: int = 4,
) -> Lived:
    """A day of one key: the ERP opens with 50, the shop with 40, the truth changes at (second, units)."""
    return Lived(
        START_MS, ms(hours * HOUR_S), {key: 50}, {key: 40},
        [Change(ms(at_s), key, units) for at_s, units in truth or [(0, 50)]],
        sorted(told, key=lambda each: each.at_ms), attempts or [], [ms(at_s) for at_s in nights_s],
    )  # fmt: skip


def outcomes(day: Lived) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in replay(day)}


def ends(day: Lived) -> dict[str, int]:
    """Units on hand that each baseline holds at the end, of the day's only key."""
    (key,) = day.erp_opening
    return {name: outcome.on_hand[key] for name, outcome in outcomes(day).items()}
