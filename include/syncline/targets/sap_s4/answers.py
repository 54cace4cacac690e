"""What a posted, looked-up or counted thing of SAP means to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fastjsonschema

from syncline.targets.answers import broken, integral
from syncline.targets.contract import DocumentAnswer, Found, LineAnswer
from syncline.targets.reading import CODE_MAX, answered_alike
from syncline.targets.sap_s4.odata import WAIT_S, errors, results, wants_token

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from syncline.targets.contract import Document, Key, Line, Outcome
    from syncline.targets.http import Answer

CREATED = 201
UNAUTHORIZED = 401
HEADER_TEXT_MAX = 25  # MaterialDocumentHeaderText: Edm.String(25)
ITEM_TEXT_MAX = 50  # MaterialDocumentItemText: Edm.String(50)
ROWS_MAX = 5000
# Material, plant and valuation data, locked by another posting. Class and number alone might mean another thing in
# another release, so the text must say it, too.
LOCKS = frozenset({"M3/021", "M3/022", "M3/023", "M3/024", "M3/682", "M3/683"})
LOCK_TEXT = "locked by"
SIGNS = {"S": 1, "H": -1}  # DebitCreditCode: S receipt, H issue

_TEXT = {"type": "string", "maxLength": 60}
_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 40}]}
_ITEM = {
    "MaterialDocumentYear": {"type": "string", "pattern": "^[0-9]{4}$"},
    "MaterialDocument": {"type": "string", "pattern": "^[A-Za-z0-9]{1,10}$"},
    "MaterialDocumentItem": {"type": "string", "pattern": "^[0-9]{1,4}$"},
    "MaterialDocumentItemText": _TEXT, "Material": _TEXT, "Plant": _TEXT, "StorageLocation": _TEXT,
    "MaterialBaseUnit": _TEXT, "QuantityInBaseUnit": _NUMBER, "DebitCreditCode": {"enum": sorted(SIGNS)},
}  # fmt: skip
_STOCK = {
    "Batch": _TEXT, "Material": _TEXT, "Plant": _TEXT, "StorageLocation": _TEXT, "MaterialBaseUnit": _TEXT,
    "MatlWrhsStkQtyInMatlBaseUnit": _NUMBER,
}  # fmt: skip
HEADER_FIELDS = "MaterialDocument,MaterialDocumentYear"
ITEM_FIELDS = ",".join(_ITEM)
STOCK_FIELDS = ",".join(_STOCK)


def _rows_of(properties: Mapping[str, Any]) -> Any:
    row = {"type": "object", "required": list(properties), "properties": dict(properties)}
    return fastjsonschema.compile({"type": "array", "maxItems": ROWS_MAX, "items": row})


_validate_headers = _rows_of({name: _ITEM[name] for name in HEADER_FIELDS.split(",")})
_validate_items = _rows_of(_ITEM)
_validate_stock = _rows_of(_STOCK)


def header_text(document: Document) -> str:
    """What a document of ours is found by: 100 bits of its key."""
    return document.key[:HEADER_TEXT_MAX]


def item_text(line: Line) -> str:
    """What a line of ours is found by: 200 bits of its reference."""
    return line.reference[:ITEM_TEXT_MAX]


def read_posted(document: Document, answer: Answer, not_executed: Collection[int], unit: str = "") -> DocumentAnswer:
    """Classify the answer to a posting; ``not_executed``: what the installation declares of its gateway.

    Where it shows what was posted, that must be what was sent, counted in ``unit``: else nothing is proven.
    """
    number = _number(answer.body) if answer.status_code == CREATED else None
    if number and _is_another(document, answer.body["d"].get("to_MaterialDocumentItem"), unit):
        return answered_alike(document, LineAnswer("unknown", "posted_otherwise", {"document": number}), CREATED)
    if number:
        return answered_alike(document, LineAnswer("applied", "", {"document": number}), CREATED)
    told = errors(answer.body)
    code = told[0][0][:CODE_MAX] if told else ""
    outcome = _outcome(answer, told, not_executed)
    if outcome == "refused" and len(document.lines) > 1:
        # One line is at fault and we are not told which: nothing was posted, each goes alone next.
        outcome = "not_executed"
    detail = {"status": answer.status_code} | ({"why": told[0][1]} if told else {})
    return DocumentAnswer(
        answer.status_code,
        {line.reference: LineAnswer(outcome, code or _door_code(answer), detail) for line in document.lines},
        retry_after_s=(answer.retry_after_s or WAIT_S) if outcome == "not_executed" else None,
        silent=answer.status_code >= 500 and outcome == "unknown",
    )


def _is_another(document: Document, items: Any, unit: str) -> bool:
    """Whether the items that an answer shows are others than ours: another item, number or unit of measure."""
    rows = items.get("results") if isinstance(items, dict) else items
    if rows is None:
        return False  # it may leave them out
    sent = [(*_parts(line), abs(line.quantity), unit, unit) for line in document.lines]
    try:
        told = [
            (
                row["Material"], row["Plant"], row["StorageLocation"], integral(row["QuantityInEntryUnit"]),
                row["EntryUnit"], row.get("MaterialBaseUnit", unit),
            )
            for row in rows
        ]  # fmt: skip
    except (TypeError, KeyError, ValueError, AttributeError):
        return True
    return sorted(told, key=repr) != sorted(sent, key=repr)


def _parts(line: Line) -> tuple[str, str, str]:
    plant, _, storage = line.location.partition("/")
    return line.item, plant, storage


def _outcome(answer: Answer, told: Sequence[tuple[str, str]], not_executed: Collection[int]) -> Outcome:
    if answer.status_code in not_executed or wants_token(answer):
        return "not_executed"
    if answer.status_code == UNAUTHORIZED and "WWW-Authenticate" in answer.headers:
        return "not_executed"
    if not told or not 400 <= answer.status_code < 500:
        return "unknown"
    if any(code in LOCKS and LOCK_TEXT in message.lower() for code, message in told):
        return "not_executed"
    return "refused"


def _door_code(answer: Answer) -> str:
    return "csrf" if wants_token(answer) else ""


def _number(body: Any) -> str | None:
    data = body.get("d") if isinstance(body, dict) else None
    try:
        number, year = data["MaterialDocument"], data["MaterialDocumentYear"]  # type: ignore[index]
    except (TypeError, KeyError):
        return None
    is_said = all(isinstance(part, str) and part.isascii() and part.isalnum() for part in (number, year))
    return f"{number}/{year}" if is_said and len(number) <= 10 and len(year) == 4 else None


def read_headers(target: str, body: Any) -> list[tuple[str, str]]:
    """(number, year) of each document.

    Raises:
        PartnerContractBroken: rows of another form.
    """
    try:
        rows = _validate_headers(results(body))
    except fastjsonschema.JsonSchemaValueException as error:
        raise broken(target, f"shows documents of another form: {error}") from None
    return [(row["MaterialDocument"], row["MaterialDocumentYear"]) for row in rows]


def read_items(target: str, body: Any, unit: str) -> list[tuple[str, Found]]:
    """(text, effect) of each item.

    Raises:
        PartnerContractBroken: rows of another form, counted in another unit than ``unit``, an item that stands twice,
            or as many as were asked for.
    """
    try:
        rows = _validate_items(results(body))
        _check_unit(rows, unit)
        _check_rows(rows, ("MaterialDocument", "MaterialDocumentYear", "MaterialDocumentItem"))
        return [
            (
                row["MaterialDocumentItemText"],
                Found(
                    row["Material"],
                    f"{row['Plant']}/{row['StorageLocation']}",
                    SIGNS[row["DebitCreditCode"]] * integral(row["QuantityInBaseUnit"]),
                    f"{row['MaterialDocument']}/{row['MaterialDocumentYear']}",
                ),
            )
            for row in rows
        ]
    except (fastjsonschema.JsonSchemaValueException, ValueError) as error:
        raise broken(target, f"shows document items of another form: {error}") from None


def read_stock(target: str, body: Any, unit: str) -> list[tuple[Key, int]]:
    """(key, quantity) of each row: a key has one for each batch.

    Raises:
        PartnerContractBroken: rows of another form, or counted in another unit than ``unit``.
    """
    try:
        rows = _validate_stock(results(body))
        _check_rows(rows, ("Material", "Plant", "StorageLocation", "Batch"))
        _check_unit(rows, unit)
        return [
            (
                (row["Material"], f"{row['Plant']}/{row['StorageLocation']}"),
                integral(row["MatlWrhsStkQtyInMatlBaseUnit"]),
            )
            for row in rows
        ]
    except (fastjsonschema.JsonSchemaValueException, ValueError) as error:
        raise broken(target, f"shows stock of another form: {error}") from None


def _check_unit(rows: Sequence[Mapping[str, Any]], unit: str) -> None:
    for row in rows:
        if row["MaterialBaseUnit"] != unit:
            raise ValueError(f"material {row['Material']} is counted in {row['MaterialBaseUnit']}, not in {unit}")


def _check_rows(rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> None:
    """Each row is another one, and there are no more than came."""
    if len(rows) == ROWS_MAX:
        raise ValueError(f"{ROWS_MAX} rows, so there may be more")
    if len({tuple(row[name] for name in key) for row in rows}) < len(rows):
        raise ValueError(f"one {key[-1]} stands twice")
