"""What NetSuite's REST answers mean: "Error Handling in REST Web Services" (Oracle, section_156570709583).

An error is ``{"status", "o:errorDetails": [{"detail", "o:errorCode", "o:errorPath"}]}``; what has not this form was
said by somebody else on the way and proves nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import fastjsonschema

from syncline.targets.answers import broken, integral
from syncline.targets.contract import DocumentAnswer, Found, LineAnswer
from syncline.targets.reading import CODE_MAX, QUANTITY_MAX, answered_alike

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from syncline.targets.contract import Document, Line, Outcome
    from syncline.targets.http import Answer

NO_CONTENT = 204
WAIT_S = 2.0  # NetSuite names no time; the flow adds its jitter
THROTTLED = frozenset({"SSS_REQUEST_LIMIT_EXCEEDED", "WS_REQUEST_BLOCKED", "CONCURRENCY_LIMIT_EXCEEDED"})
# Somebody else's save came between: ours is rolled back. The role or the token, not the line, is at fault.
NOT_NOW = THROTTLED | {"RCRD_HAS_BEEN_CHANGED", "INVALID_LOGIN", "INSUFFICIENT_PERMISSION"}
ABSENT = "NONEXISTENT_ID"
ROWS_MAX = 1000

_RECORD = re.compile(r"/services/rest/record/v1/inventory[aA]djustment/([0-9]{1,18})", re.ASCII)
_ITEM_AT = re.compile(r"inventory\.items\[([0-9]{1,4})\]", re.ASCII)
_REFERENCE = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "maxLength": 40}}}
_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 40}]}

validate_rows = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["items", "hasMore"],
        "properties": {
            "hasMore": {"type": "boolean"},
            "items": {
                "type": "array",
                "maxItems": ROWS_MAX,
                "items": {
                    "type": "object",
                    "required": ["item", "location", "quantityonhand"],
                    "properties": {
                        "item": _NUMBER,
                        "location": _NUMBER,
                        "quantityonhand": _NUMBER,
                        "stockunit": {"anyOf": [{"type": "null"}, *_NUMBER["anyOf"]]},
                    },
                },
            },
        },
    }
)
_validate_record = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["id", "inventory"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]{1,18}$"},
            "inventory": {
                "type": "object",
                "required": ["items"],
                "properties": {
                    "items": {
                        "type": "array",
                        "maxItems": ROWS_MAX,
                        "items": {
                            "type": "object",
                            "required": ["item", "location", "adjustQtyBy"],
                            "properties": {
                                "item": _REFERENCE,
                                "location": _REFERENCE,
                                "adjustQtyBy": {"type": "number", "minimum": -QUANTITY_MAX, "maximum": QUANTITY_MAX},
                                "units": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 40}, _REFERENCE]},
                                "memo": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 4000}]},
                            },
                        },
                    }
                },
            },
        },
    }
)


def codes(answer: Answer) -> list[str]:
    """The error codes of an answer; none where it has not NetSuite's form."""
    return [row["o:errorCode"] for row in _details(answer.body)]


def is_throttled(answer: Answer) -> bool:
    """The account's concurrency limit turned the request away."""
    return bool(THROTTLED & set(codes(answer)))


def is_absent(answer: Answer) -> bool:
    """There is no record of that external id. A 404 of another form says nothing about records."""
    return answer.status_code == 404 and codes(answer) == [ABSENT]


def read_saved(document: Document, answer: Answer, not_executed: Collection[int] = ()) -> DocumentAnswer:
    """Classify the answer to an upsert: 204 and the record's address mean that all of it was saved.

    ``not_executed``: statuses that the installation declares, of a gateway in front for example.
    """
    saved = _RECORD.search(answer.headers.get("Location", "")[-200:]) if answer.status_code == NO_CONTENT else None
    if saved:
        return answered_alike(document, LineAnswer("applied", "", {"document": saved[1]}), NO_CONTENT)
    outcome = _outcome(answer, not_executed)
    if outcome != "refused":
        line = LineAnswer(outcome, _code(codes(answer)), {"status": answer.status_code})
        return DocumentAnswer(
            answer.status_code,
            {sent.reference: line for sent in document.lines},
            retry_after_s=(answer.retry_after_s or WAIT_S) if outcome == "not_executed" else None,
            silent=answer.status_code >= 500 and outcome == "unknown",
        )
    return DocumentAnswer(answer.status_code, _refused(document.lines, answer))


def _outcome(answer: Answer, not_executed: Collection[int]) -> Outcome:
    if answer.status_code in not_executed:
        return "not_executed"
    if not codes(answer) or not 400 <= answer.status_code < 500:
        return "unknown"
    return "not_executed" if set(codes(answer)) & NOT_NOW else "refused"


def _refused(lines: Sequence[Line], answer: Answer) -> dict[str, LineAnswer]:
    """By the path of the error where it names a line; a document of several without one is not executed as it is."""
    details = _details(answer.body)
    named = {int(at[1]): row for row in details if (at := _ITEM_AT.match(str(row.get("o:errorPath", ""))))}
    if len(lines) == 1:
        named = {0: details[0]}
    answered = {}
    for position, line in enumerate(lines):
        row = named.get(position)
        answered[line.reference] = (
            LineAnswer("refused", _code([row["o:errorCode"]]), {"why": str(row.get("detail", ""))[:200]})
            if row
            else LineAnswer("not_executed", _code(codes(answer)), {"status": answer.status_code})
        )
    return answered


def check_unit(item: object, told: object, unit: str | None) -> None:
    """Raises ValueError where ``item`` is counted in another unit than ``unit``; None: nobody looks."""
    counted_in = told.get("id") if isinstance(told, dict) else told
    if unit is not None and str(counted_in) != unit:
        raise ValueError(f"item {item} is counted in unit {str(counted_in)[:40]}, not in {unit}")


def read_again(document: Document, body: Any, unit: str | None) -> DocumentAnswer:
    """What a record that is there before the document is sent says of it: all of it is done, or nothing is proven."""
    try:
        rows = _rows(body, unit)
    except (fastjsonschema.JsonSchemaValueException, ValueError) as error:
        return answered_alike(document, LineAnswer("unknown", "nonsense", {"why": str(error)[:200]}), 200)
    told = sorted((str(memo), each.item, each.location, each.quantity) for memo, each in rows)
    sent = sorted((line.reference, line.item, line.location, line.quantity) for line in document.lines)
    detail = {"document": body["id"]}
    if told == sent:
        return answered_alike(document, LineAnswer("replayed", "", detail), 200)
    # Somebody has changed our record: saving it again would undo that, and it is no proof of ours.
    return answered_alike(document, LineAnswer("unknown", "another_body", detail), 200)


def _rows(body: Any, unit: str | None) -> list[tuple[str | None, Found]]:
    _validate_record(body)
    found = []
    for row in body["inventory"]["items"]:
        check_unit(row["item"]["id"], row.get("units"), unit)
        effect = Found(row["item"]["id"], row["location"]["id"], integral(row["adjustQtyBy"]), body["id"])
        found.append((row.get("memo"), effect))
    return found


def read_found(target: str, lines: Sequence[Line], body: Any, unit: str | None = None) -> dict[str, list[Found]]:
    """Lines of a saved document by the reference in their memo.

    Raises:
        PartnerContractBroken: the record has another form, or is counted in another unit than ``unit``.
    """
    try:
        rows = _rows(body, unit)
    except (fastjsonschema.JsonSchemaValueException, ValueError) as error:
        raise broken(target, f"shows an adjustment of another form: {error}") from None
    return {line.reference: found for line in lines if (found := [row for memo, row in rows if memo == line.reference])}


def _details(body: Any) -> list[dict[str, Any]]:
    told = body.get("o:errorDetails") if isinstance(body, dict) else None
    rows = told[:ROWS_MAX] if isinstance(told, list) else []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("o:errorCode"), str)]


def _code(told: list[str]) -> str:
    return told[0][:CODE_MAX] if told else ""
