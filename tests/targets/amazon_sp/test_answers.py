"""What answers to a patch prove that the stand-in never gives."""

from __future__ import annotations

from typing import Any

import pytest
from tests.targets.amazon_sp.conftest import SKU, document

from syncline.targets.amazon_sp.answers import read_back, read_submission
from syncline.targets.http import Answer

WORDS = {"errors": [{"code": "SomeCode", "message": "m", "details": "d"}]}
TAKEN = {"sku": SKU, "status": "ACCEPTED", "submissionId": "f1dc2914-75dd-11ea", "issues": []}
DATE = {"Date": "Sun, 22 Nov 2026 08:00:00 GMT"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, TAKEN, ("accepted", "ACCEPTED")),
        (200, TAKEN | {"sku": "OTHER"}, ("unknown", "nonsense")),
        (200, TAKEN | {"submissionId": "a b"}, ("unknown", "nonsense")),
        (200, TAKEN | {"submissionId": None}, ("unknown", "nonsense")),
        (200, TAKEN | {"status": "VALID"}, ("unknown", "nonsense")),
        (200, TAKEN | {"status": "INVALID"}, ("refused", "INVALID")),
        (200, TAKEN | {"status": "INVALID", "issues": [{"severity": "ERROR", "code": 7}, "x"]}, ("refused", "ERROR")),
        (200, WORDS, ("unknown", "nonsense")),
        (400, WORDS, ("refused", "SomeCode")),
        (400, {}, ("unknown", "status_400")),
        (401, None, ("not_executed", "login_refused")),
        (403, WORDS, ("not_executed", "SomeCode")),
        (403, None, ("unknown", "status_403")),  # a proxy's page
        (404, None, ("unknown", "status_404")),
        (404, WORDS, ("refused", "SomeCode")),
        (429, None, ("not_executed", "throttled")),
        (500, WORDS, ("unknown", "SomeCode")),
        (503, {"errors": [{"code": None}]}, ("unknown", "status_503")),
    ],
)
def test_answers_to_a_patch(status: int, body: Any, expected: tuple[str, str]) -> None:
    answer = read_submission(document(90), Answer(status, body, None, DATE))
    (line,) = answer.lines.values()
    assert (line.outcome, line.code) == expected
    assert answer.silent == (status >= 500)
    assert (answer.job == "f1dc2914-75dd-11ea/1795334400") == (expected[0] == "accepted")


@pytest.mark.parametrize(("date", "expected"), [("08:04:59", None), ("08:05:00", "refused"), ("07:00:00", None)])
def test_time_is_that_of_amazons_answers(date: str, expected: str | None) -> None:
    issues = [{"code": "99001", "severity": "ERROR", "attributeNames": ["fulfillment_availability"]}]
    answer = Answer(200, {"sku": SKU, "issues": issues}, None, {"Date": f"Sun, 22 Nov 2026 {date} GMT"})
    job = "f1dc2914/1795334400"  # 08:00
    told = read_back(job, document(90), answer, {"DEFAULT": 100}, sole_writer=True, refused_after_s=300)
    assert (None if told is None else next(iter(told.lines.values())).outcome) == expected
