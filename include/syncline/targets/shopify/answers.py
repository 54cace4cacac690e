"""What the answer to a mutation proves, line by line.

Pages: enums InventorySetQuantitiesUserErrorCode and InventoryAdjustQuantitiesUserErrorCode (2026-10), "Implementing
idempotency", payload InventorySetQuantitiesPayload ("the group of changes made by the operation"). Shapes as recorded
from a shop in 2026-04: a ``field`` names its line by index, a refused document has no group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.targets.contract import DocumentAnswer, LineAnswer, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncline.targets.contract import Document
    from syncline.targets.shopify.api import Told

ROWS_MAX = 1000
# The number had moved, or an earlier try failed under this key: either way nothing was done, and the next correction,
# computed anew, has another key.
STALE = frozenset({"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"})
REFUSED = frozenset({
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "COMPARE_QUANTITY_REQUIRED", "INTERNAL_LEDGER_DOCUMENT",
    "INVALID_AVAILABLE_DOCUMENT", "INVALID_INVENTORY_ITEM", "INVALID_LEDGER_DOCUMENT", "INVALID_LOCATION",
    "INVALID_NAME", "INVALID_QUANTITY_DOCUMENT", "INVALID_QUANTITY_NAME", "INVALID_QUANTITY_NEGATIVE",
    "INVALID_QUANTITY_TOO_HIGH", "INVALID_QUANTITY_TOO_LOW", "INVALID_REASON", "INVALID_REFERENCE_DOCUMENT",
    "ITEM_NOT_STOCKED_AT_LOCATION", "MAX_ONE_LEDGER_DOCUMENT", "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
    "NON_MUTABLE_INVENTORY_ITEM",
})  # fmt: skip
# Errors beside the data that are found before anything runs.
NOT_RUN = frozenset({"ACCESS_DENIED", "SHOP_INACTIVE", "MAX_COST_EXCEEDED"})
MALFORMED = frozenset({"BAD_REQUEST", "INVALID_VARIABLE", "INVALID_FIELD_ARGUMENTS"})
# Statuses of the door, with Shopify's own words in the body: frozen, right missing, no such shop, locked, blocked.
TURNED_AWAY = frozenset({402, 403, 404, 423, 430})


@dataclass(frozen=True)
class Asked:
    """What was sent. ``rows``: for each line its item and location as ids of Shopify, and the delta it must make."""

    field: str  # of the mutation
    list_name: str  # of the lines in its input
    quantity_name: str
    document_uri: str
    rows: tuple[tuple[str, str, int], ...]


def read_answer(document: Document, asked: Asked, told: Told) -> DocumentAnswer:
    """Classify by the body. What neither a page nor a recorded answer says is ``unknown``."""
    payload = told.data.get(asked.field) if told.data is not None else None
    if told.is_throttled:
        return _alike(document, told, "not_executed", "throttled", retry_after_s=told.wait_s)
    if told.answer.status_code != 200:
        return _by_status(document, told)
    if isinstance(payload, dict):
        return _answer(told, _lines(document, asked, payload, told.codes))
    if told.codes and payload is None:
        return _by_errors(document, told)
    return _alike(document, told, "unknown", "nonsense", silent=not isinstance(told.answer.body, dict))


def _by_status(document: Document, told: Told) -> DocumentAnswer:
    status = told.answer.status_code
    speaks = isinstance(told.answer.body, dict) and bool(told.answer.body.get("errors"))
    if status == 401 or (status in TURNED_AWAY and speaks):
        return _alike(document, told, "not_executed", f"status_{status}", retry_after_s=told.answer.retry_after_s)
    if status == 400 and speaks:
        return _malformed(document, told, "status_400")
    return _alike(document, told, "unknown", f"status_{status}", silent=status >= 500)


def _by_errors(document: Document, told: Told) -> DocumentAnswer:
    codes = set(told.codes)
    if codes <= NOT_RUN:
        return _alike(document, told, "not_executed", told.codes[0])
    if codes <= MALFORMED:
        return _malformed(document, told, told.codes[0])
    return _alike(document, told, "unknown", next(iter(sorted(codes - {""})), "error"))


def _malformed(document: Document, told: Told, code: str) -> DocumentAnswer:
    # Of several lines one is at fault and we are not told which: each goes alone next.
    return _alike(document, told, "refused" if len(document.lines) == 1 else "not_executed", code)


def _alike(
    document: Document,
    told: Told,
    outcome: Outcome,
    code: str,
    *,
    retry_after_s: float | None = None,
    silent: bool = False,
) -> DocumentAnswer:
    line = LineAnswer(outcome, code, {"status": told.answer.status_code})
    lines = {sent.reference: line for sent in document.lines}
    return DocumentAnswer(told.answer.status_code, lines, retry_after_s, silent=silent, budget=told.budget)


def _answer(told: Told, lines: Mapping[str, LineAnswer]) -> DocumentAnswer:
    return DocumentAnswer(told.answer.status_code, lines, budget=told.budget)


def _lines(document: Document, asked: Asked, payload: Mapping[str, Any], codes: Sequence[str]) -> dict[str, LineAnswer]:
    group, errors = payload.get("inventoryAdjustmentGroup"), payload.get("userErrors")
    deltas = _deltas(asked, group)
    if not isinstance(errors, list) or deltas is None:
        return {line.reference: LineAnswer("unknown", "nonsense") for line in document.lines}
    of_all, of_line = _errors(asked, errors)
    answered = {}
    for number, (line, row) in enumerate(zip(document.lines, asked.rows, strict=True)):
        own = of_line.get(number) or of_all
        made = deltas.get(row[:2], [])
        if own:
            answered[line.reference] = _failed(own, made)
        elif made == [row[2]] or (not made and row[2] == 0 and not errors and not codes):
            # A line that would change nothing is not listed, and where none would there is no group.
            answered[line.reference] = LineAnswer("applied", "", {"delta": row[2]})
        elif group is None and errors and not codes:
            # No change was made: it is another line's error that stopped the document.
            answered[line.reference] = LineAnswer("not_executed", "document_refused")
        else:
            answered[line.reference] = LineAnswer("unknown", "no_result")
    return answered


def _deltas(asked: Asked, group: Any) -> dict[tuple[str, str], list[int]] | None:
    """Changes of our number by item and location; None when it is not our group."""
    if group is None:
        return {}
    changes = group.get("changes") if isinstance(group, dict) else None
    if not isinstance(changes, list) or group.get("referenceDocumentUri") != asked.document_uri:
        return None
    deltas: dict[tuple[str, str], list[int]] = {}
    for change in changes[:ROWS_MAX]:
        if not isinstance(change, dict) or change.get("name") != asked.quantity_name:
            continue
        key, delta = (_id(change.get("item")), _id(change.get("location"))), change.get("delta")
        if type(delta) is int:
            deltas.setdefault(key, []).append(delta)
    return deltas


def _id(node: Any) -> str:
    found = node.get("id") if isinstance(node, dict) else None
    return found if isinstance(found, str) else ""


def _errors(asked: Asked, errors: Sequence[Any]) -> tuple[list[str], dict[int, list[str]]]:
    """Codes of errors that name no line, and of those that do."""
    of_all: list[str] = []
    of_line: dict[int, list[str]] = {}
    for error in errors[:ROWS_MAX]:
        code = error.get("code") if isinstance(error, dict) else None
        code = code[:60] if isinstance(code, str) and code.isprintable() else ""
        number = _number(asked, error.get("field") if isinstance(error, dict) else None)
        (of_all if number is None else of_line.setdefault(number, [])).append(code)
    return of_all, of_line


def _number(asked: Asked, path: Any) -> int | None:
    if not isinstance(path, list) or asked.list_name not in path[:-1]:
        return None
    step = path[path.index(asked.list_name) + 1]
    if isinstance(step, str) and step.isascii() and step.isdecimal() and len(step) < 6 and int(step) < len(asked.rows):
        return int(step)
    return None


def _failed(codes: Sequence[str], made: Sequence[int]) -> LineAnswer:
    detail = {"codes": sorted(set(codes))[:5]}
    known = set(codes) <= STALE | REFUSED
    if made or not known:
        # IDEMPOTENCY_CONCURRENT_REQUEST is here: the same request runs right now, and may take effect.
        return LineAnswer("unknown", next((code for code in codes if code not in STALE | REFUSED), codes[0]), detail)
    refused = next((code for code in codes if code in REFUSED), None)
    return LineAnswer("refused", refused, detail) if refused else LineAnswer("stale", codes[0], detail)
