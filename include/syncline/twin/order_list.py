"""What the ERP's orders API tells: each change of an order line that may be picked, in the order of its booking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.twin.wms_log import iso_ms

if TYPE_CHECKING:
    from syncline.twin.network import Network

PROMISED_AFTER_MS = 48 * 3_600_000
PRICE = {"A": 7900, "B": 3200, "C": 1500}  # minor units of currency
PRIORITY = {"A": 10, "B": 50, "C": 100}


class OrderList:
    """Append-only; position 1 is the first change. A release is revision 1 of its line, its cancellation the next."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._changes: list[dict[str, Any]] = []
        self._latest: dict[str, int] = {}  # order line -> index of its last change

    def __len__(self) -> int:
        return len(self._changes)

    def release(self, at_ms: int, location: str, order_line: str, item: str, quantity: int) -> None:
        """``quantity`` base units of ``item`` may be picked at ``location`` from ``at_ms`` on."""
        item_class = self._network.skus[item].item_class
        self._append({
            "order_line": order_line, "item": item, "location": location, "quantity": quantity, "uom": "EA",
            "released_at": iso_ms(at_ms), "revision": 1, "is_cancelled": False,
            "promised": iso_ms(at_ms + PROMISED_AFTER_MS), "unit_price": PRICE[item_class], "currency": "EUR",
            "channel": "shop", "priority": PRIORITY[item_class],
        })  # fmt: skip

    def cancel(self, order_line: str) -> None:
        """Nobody wants the line any more."""
        last = self._changes[self._latest[order_line]]
        self._append({**last, "revision": last["revision"] + 1, "is_cancelled": True})

    def page(self, after: int, limit: int) -> dict[str, Any]:
        """The changes behind position ``after``; positions leave none out, so ``next`` is the last one told."""
        found = self._changes[after : after + limit]
        return {"orders": found, "next": after + len(found), "has_more": after + len(found) < len(self._changes)}

    def _append(self, change: dict[str, Any]) -> None:
        self._latest[change["order_line"]] = len(self._changes)
        self._changes.append(change)
