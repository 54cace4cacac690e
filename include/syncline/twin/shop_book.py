"""The shop's own numbers: one availability for each (sku, location), a version, and every change in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from syncline.twin.wms_log import iso_ms

MAX_QUANTITY = 1_000_000_000


@dataclass
class _Number:
    available: int
    version: int


class ShopBook:
    """Availability with compare-and-set. Positions are 1, 2, 3 …; nothing is ever removed from the change list."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], _Number] = {}
        self._changes: list[dict[str, Any]] = []
        self._by_reference: dict[str, dict[str, Any]] = {}
        self._times: list[int] = []
        self._keys: dict[str, str] = {}

    def open(self, sku: str, location: str, quantity: int, at_ms: int) -> None:
        self._numbers[sku, location] = _Number(0, 0)
        self._change(sku, location, "opening", quantity, at_ms)

    def available(self, sku: str, location: str) -> int:
        return self._numbers[sku, location].available

    def take(self, sku: str, location: str, quantity: int, order_line: str, at_ms: int) -> int:
        """A customer orders; returns what the shop sold: what it showed, at most ``quantity``."""
        taken = min(quantity, max(0, self.available(sku, location)))
        if taken:
            self._change(sku, location, "order", -taken, at_ms, order_line=order_line)
        return taken

    def key_body(self, key: str, body_sha: str) -> bool:
        """Remember the body of an idempotency key; False when the key came with another body before."""
        return self._keys.setdefault(key, body_sha) == body_sha

    def set_line(self, line: dict[str, Any], at_ms: int) -> dict[str, Any]:
        """Execute one checked line of a PUT and return its result line."""
        reference, sku, location = line["reference"], line["sku"], line["location"]
        known = self._by_reference.get(reference)
        if known is not None:
            same = (known["sku"], known["location"], known["available_after"]) == (sku, location, line["quantity"])
            return self._result(reference, "replayed", known) if same else self._refusal(reference, "reference_reused")
        number = self._numbers.get((sku, location))
        if number is None:
            return self._refusal(reference, "unknown_item")
        if not 0 <= line["quantity"] <= MAX_QUANTITY:
            return self._refusal(reference, "invalid_quantity")
        if line["if_version"] != str(number.version):
            current = {"position": None, "version": str(number.version), "available_after": number.available}
            return {"reference": reference, "result": "stale", **current, "code": "version_moved"}
        change = self._change(sku, location, "set", line["quantity"] - number.available, at_ms, reference=reference)
        self._by_reference[reference] = change
        return self._result(reference, "set", change)

    def steer(self, sku: str, location: str, quantity: int, at_ms: int) -> None:
        """Set a number from inside the simulation, when it is another one."""
        if (delta := quantity - self.available(sku, location)) != 0:
            self._change(sku, location, "set", delta, at_ms)

    def changes(self, after: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
        found = self._changes[after : after + limit]
        return found, after + limit < len(self._changes)

    def _change(
        self, sku: str, location: str, kind: str, delta: int, at_ms: int, *, reference: str | None = None,
        order_line: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        number = self._numbers[sku, location]
        number.available += delta
        number.version += 1
        at_ms = max(at_ms, self._times[-1]) if self._times else at_ms
        change = {
            "position": len(self._changes) + 1, "sku": sku, "location": location, "kind": kind, "delta": delta,
            "available_after": number.available, "version": str(number.version), "reference": reference,
            "order_line": order_line, "changed_at": iso_ms(at_ms),
        }  # fmt: skip
        self._changes.append(change)
        self._times.append(at_ms)
        return change

    @staticmethod
    def _result(reference: str, result: str, change: dict[str, Any]) -> dict[str, Any]:
        shown = {name: change[name] for name in ("position", "version", "available_after")}
        return {"reference": reference, "result": result, **shown, "code": None}

    @staticmethod
    def _refusal(reference: str, code: str) -> dict[str, Any]:
        none = {"position": None, "version": None, "available_after": None}
        return {"reference": reference, "result": "refused", **none, "code": code}
