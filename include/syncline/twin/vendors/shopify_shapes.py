"""Shapes of what Shopify's Admin API is sent and answers about quantities, as recorded in version 2026-04."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.twin.vendors.book import Key

ARRAY_MAX = 250
# Of each mutation: its list, and the number of a line.
LISTS = {"inventorySetQuantities": ("quantities", "quantity"), "inventoryAdjustQuantities": ("changes", "delta")}


def refused(code: str) -> dict[str, Any]:
    return {"inventoryAdjustmentGroup": None, "userErrors": [user_error(code, None)]}


def user_error(code: str, path: list[str] | None) -> dict[str, Any]:
    return {"code": code, "field": path, "message": code.replace("_", " ").capitalize() + "."}


def change(row: Mapping[str, Any], name: str, delta: int) -> dict[str, Any]:
    return {
        "name": name, "delta": delta, "quantityAfterChange": None,
        "item": {"id": row["inventoryItemId"]}, "location": {"id": row["locationId"]},
    }  # fmt: skip


def malformed(name: str, given: Any) -> tuple[str, str] | None:
    """Code and message of what is no input of ``name``, before anything runs."""
    list_name, number_name = LISTS[name]
    rows = given.get(list_name) if isinstance(given, dict) else None
    if not isinstance(rows, list) or not rows or len(rows) > ARRAY_MAX or not isinstance(given.get("reason"), str):
        return "INVALID_VARIABLE", "Variable $input was provided invalid value"
    known = {"inventoryItemId", "locationId", number_name, "changeFromQuantity"}
    for row in rows:
        if not isinstance(row, dict) or set(row) - known or type(row.get(number_name)) is not int:
            return "INVALID_VARIABLE", f"Variable $input was provided invalid value for {list_name}"
        if "changeFromQuantity" not in row:
            return "INVALID_FIELD_ARGUMENTS", "Must include the following argument: changeFromQuantity."
    return None


def errors_beside(code: str, message: str, name: str | None = None) -> Response:
    """Errors beside the data, which is absent where the query was never valid."""
    body: dict[str, Any] = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return JSONResponse(body | ({"data": {name: None}} if name else {}))


def number_of(gid: Any) -> str:
    return str(gid).rpartition("/")[2]


def key_of(row: Mapping[str, Any]) -> Key:
    return number_of(row.get("inventoryItemId")), number_of(row.get("locationId"))
