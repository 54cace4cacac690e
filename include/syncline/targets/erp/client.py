"""The ERP's API as two calls."""

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

CAPABILITIES = Capabilities("delta", key="line", lists_changes=True, is_atomic=True, lines_max=50)
ERP = TargetPolicy("erp", CAPABILITIES)
LIMIT_MAX = 1000
RESULTS: dict[str, Outcome] = {"posted": "applied", "replayed": "replayed"}
_page = page_validator(
    {
        "position": POSITION, "item": TEXT, "location": TEXT, "kind": {"enum": ["opening", "adjustment", "outside"]},
        "delta": QUANTITY, "quantity_after": QUANTITY, "reference": OPTIONAL_TEXT, "changed_at": TEXT,
    },
    LIMIT_MAX,
)  # fmt: skip


class ErpClient:
    """``base_url`` is scheme, host and port. The API version is part of the paths here."""

    capabilities = CAPABILITIES

    def __init__(self, base_url: str, token: str, policy: TargetPolicy = ERP, governor: Governor | None = None) -> None:
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
        body = self._http.get_page("/erp/v1/changes", params, timeout_s=self._policy.call_s)
        return read_page(self._policy.target, body, after, _page, _change)

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Post adjustments: the document is executed as a whole or not at all."""
        rows = [
            {"reference": line.reference, "item": line.item, "location": line.location, "delta": line.quantity}
            for line in document.lines
        ]
        try:
            answer = self._http.call(
                "POST", "/erp/v1/adjustments", timeout_s=timeout_s, body={"lines": rows},
                headers={"Idempotency-Key": document.key},
            )  # fmt: skip
        except NOT_ANSWERED as error:
            return not_answered(document, error)
        return read_document(self._policy, document.lines, answer, RESULTS)


def _change(row: dict[str, Any]) -> Change:
    # int(): JSON's 5.0 is an integer to the schema and a float to Python.
    return Change(
        int(row["position"]), row["item"], row["location"], row["kind"],
        int(row["delta"]), int(row["quantity_after"]), None,
        row["reference"], None, instant(row["changed_at"]),
    )  # fmt: skip


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> ErpClient:
    """See ``syncline.targets.adapters``."""
    return ErpClient(connection.base_url(), connection.password, TargetPolicy.of(target, CAPABILITIES), governor)
