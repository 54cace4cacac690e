"""The shop's API as two calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.partner_http import bearer
from syncline.targets.contract import Capabilities, Change, Check, Document, DocumentAnswer, Outcome, Page
from syncline.targets.http import NOT_ANSWERED, TargetHttp
from syncline.targets.policy import TargetPolicy
from syncline.targets.reading import (
    OPTIONAL_TEXT,
    POSITION,
    QUANTITY,
    TEXT,
    checked_by_reading,
    instant,
    not_answered,
    page_validator,
    read_document,
    read_page,
)

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.governance.governor import Governor

CAPABILITIES = Capabilities("set", key="line", compare="version", lists_changes=True, lines_max=50)
SHOP = TargetPolicy("shop", CAPABILITIES)
LIMIT_MAX = 1000
VERSION = {"anyOf": [POSITION, {"type": "string", "pattern": "^[0-9]{1,18}$"}]}  # as text by contract
RESULTS: dict[str, Outcome] = {"set": "applied", "replayed": "replayed", "stale": "stale", "refused": "refused"}
_page = page_validator(
    {
        "position": POSITION, "sku": TEXT, "location": TEXT, "kind": {"enum": ["opening", "set", "order"]},
        "delta": QUANTITY, "available_after": QUANTITY, "version": VERSION, "reference": OPTIONAL_TEXT,
        "order_line": OPTIONAL_TEXT, "changed_at": TEXT,
    },
    LIMIT_MAX,
    optional=("reference", "order_line"),
)  # fmt: skip


class ShopClient:
    """``base_url`` is scheme, host and port. The API version is part of the paths here."""

    capabilities = CAPABILITIES

    def __init__(
        self, base_url: str, token: str, policy: TargetPolicy = SHOP, governor: Governor | None = None
    ) -> None:
        self._http = TargetHttp(policy.target, base_url, bearer(token), governor)
        self._policy = policy

    def close(self) -> None:
        self._http.close()

    def check(self) -> list[Check]:
        """One change is read: that shows connection, login, right to read and version."""
        return [checked_by_reading(lambda: self.changes(0, 1))]

    def changes(self, after: int, limit: int) -> Page:
        """The complete change list after ``after``. Errors as ``TargetHttp.get_page`` and ``read_page``."""
        params = {"after": after, "limit": min(limit, LIMIT_MAX)}
        body = self._http.get_page("/shop/v1/changes", params, timeout_s=self._policy.call_s)
        return read_page(self._policy.target, body, after, _page, _change)

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Set availability, each line by itself, only where the version is still the one we read."""
        rows = [
            {
                "reference": line.reference, "sku": line.item, "location": line.location, "quantity": line.quantity,
                "if_version": line.expected_version,
            }
            for line in document.lines
        ]  # fmt: skip
        try:
            answer = self._http.call(
                "PUT", "/shop/v1/availability", timeout_s=timeout_s, body={"lines": rows},
                headers={"Idempotency-Key": document.key},
            )  # fmt: skip
        except NOT_ANSWERED as error:
            return not_answered(document, error)
        return read_document(self._policy, document.lines, answer, RESULTS)


def _change(row: dict[str, Any]) -> Change:
    order_line = row.get("order_line")
    return Change(
        int(row["position"]), row["sku"], row["location"], row["kind"],
        int(row["delta"]), int(row["available_after"]), str(row["version"]),
        row.get("reference"), f"alloc:{order_line}" if order_line else None, instant(row["changed_at"]),
    )  # fmt: skip


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> ShopClient:
    """See ``syncline.targets.adapters``."""
    return ShopClient(connection.base_url(), connection.password, TargetPolicy.of(target, CAPABILITIES), governor)
