"""What bodies prove that the stand-in never answers: as recorded, or outside of the contract."""

from __future__ import annotations

from typing import Any

import pytest
from tests.targets.shopify.conftest import document, line

from syncline.targets.http import Answer
from syncline.targets.shopify.answers import Asked, read_answer
from syncline.targets.shopify.api import Told

SENT = document(line("501", 90), line("502", 80))
URI = "syncline://documents/x"
ITEM, PLACE = "gid://shopify/InventoryItem/", "gid://shopify/Location/1001"
ASKED = Asked(
    "inventorySetQuantities", "quantities", "available", URI, ((ITEM + "501", PLACE, -10), (ITEM + "502", PLACE, -20))
)


def change(item: str, delta: Any, **other: Any) -> dict[str, Any]:
    return {"name": "available", "delta": delta, "item": {"id": ITEM + item}, "location": {"id": PLACE}} | other


def outcomes(status: int, payload: Any, codes: tuple[str, ...] = (), body: Any = None) -> list[str]:
    data = None if payload == "absent" else {"inventorySetQuantities": payload}
    told = Told(Answer(status, body, None), data, codes, None)
    answer = read_answer(SENT, ASKED, told)
    return [answer.lines[each.reference].outcome for each in SENT.lines]


def group(*changes: Any, uri: str = URI) -> dict[str, Any]:
    return {"referenceDocumentUri": uri, "changes": list(changes)}


def error(code: Any, *path: str) -> dict[str, Any]:
    return {"code": code, "field": ["input", *path] if path else None, "message": "m"}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ((group(change("501", -10), change("502", -20)), []), ["applied", "applied"]),
        # on_hand moves along; it is not our number.
        ((group(change("501", -10), change("501", -10, name="on_hand")), []), ["applied", "unknown"]),
        ((group(change("501", -11), change("502", -20)), []), ["unknown", "applied"]),
        ((group(change("501", -10), change("501", -10), change("502", -20)), []), ["unknown", "applied"]),
        ((group(change("501", "-10"), change("502", -20.0)), []), ["unknown", "unknown"]),
        ((group(change("501", True), change("502", -20, location=None)), []), ["unknown", "unknown"]),
        ((group(change("501", -10), change("502", -20), uri="logistics://other"), []), ["unknown", "unknown"]),
        ((None, []), ["unknown", "unknown"]),
        ((None, None), ["unknown", "unknown"]),
        (("group", []), ["unknown", "unknown"]),
        ((None, [error("CHANGE_FROM_QUANTITY_STALE", "quantities", "1", "q")]), ["not_executed", "stale"]),
        ((None, [error("CHANGE_FROM_QUANTITY_STALE", "quantities", "7", "q")]), ["stale", "stale"]),
        ((None, [error("INVALID_REASON", "reason")]), ["refused", "refused"]),
        ((None, [error("INVALID_REASON", "reason"), error("NEWLY_INVENTED")]), ["unknown", "unknown"]),
        ((None, [error(None, "quantities", "0")]), ["unknown", "not_executed"]),
        ((None, [error("SERVICE_UNAVAILABLE")]), ["unknown", "unknown"]),
        ((None, ["text"]), ["unknown", "unknown"]),
        # A line both changed and refused, and a document of which a part went through.
        (
            (group(change("501", -10)), [error("INVALID_LOCATION", "quantities", "0")]),
            ["unknown", "unknown"],
        ),
        (
            (group(change("501", -10)), [error("INVALID_LOCATION", "quantities", "1")]),
            ["applied", "refused"],
        ),
    ],
)
def test_payloads(payload: Any, expected: list[str]) -> None:
    assert outcomes(200, {"inventoryAdjustmentGroup": payload[0], "userErrors": payload[1]}, body={}) == expected


def test_an_error_beside_the_data_takes_the_proof_of_what_is_not_there() -> None:
    empty = {"inventoryAdjustmentGroup": None, "userErrors": [error("INVALID_REASON", "quantities", "0")]}
    assert outcomes(200, empty, ("ACCESS_DENIED",), {}) == ["refused", "unknown"]


@pytest.mark.parametrize(
    ("status", "codes", "body", "expected"),
    [
        (200, ("ACCESS_DENIED",), {}, "not_executed"),
        (200, ("INVALID_VARIABLE",), {}, "not_executed"),  # one of two lines; alone it is refused
        (200, ("INTERNAL_SERVER_ERROR",), {}, "unknown"),
        (200, ("ACCESS_DENIED", ""), {}, "unknown"),
        (200, (), {}, "unknown"),
        (200, (), None, "unknown"),
        (401, (), {"errors": "[API] Invalid API key or access token"}, "not_executed"),
        (402, (), {"errors": "Unavailable Shop"}, "not_executed"),
        (404, (), {"errors": "Not Found"}, "not_executed"),
        (404, (), None, "unknown"),  # a proxy's page
        (423, (), {"errors": "locked"}, "not_executed"),
        (400, (), {"errors": {"query": "Required parameter missing or invalid"}}, "not_executed"),
        (400, (), {}, "unknown"),
        (429, (), None, "not_executed"),
        (500, (), {"errors": "x"}, "unknown"),
    ],
)
def test_answers_without_data(status: int, codes: tuple[str, ...], body: Any, expected: str) -> None:
    assert set(outcomes(status, "absent", codes, body)) == {expected}


def test_a_malformed_line_alone_is_refused() -> None:
    told = Told(Answer(200, {}, None), None, ("INVALID_VARIABLE",), None)
    alone = document(line("501", 90))
    answer = read_answer(alone, Asked(ASKED.field, "quantities", "available", URI, ASKED.rows[:1]), told)
    assert [each.outcome for each in answer.lines.values()] == ["refused"]
