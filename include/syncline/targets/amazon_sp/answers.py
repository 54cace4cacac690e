"""What a submission's answer and a listing read back prove.

Pages: model listingsItems_2021-08-01 (status ACCEPTED: accepted for processing; INVALID: not; issues of severity ERROR
prevent a submission from processing), "Merge a listing".

What reading back proves. A listing has no word about submissions: not their id, not their order. It shows the number
that is in effect (``fulfillmentAvailability``; ``attributes`` is only what was submitted). So

* the number we set, where we read another before and nobody else writes it, is our effect: ``applied``;
* the same number where others write it, too, may be theirs, with ours still to come: ``unknown``;
* another number is no proof of anything: not known yet;
* an ERROR about our attribute may stem from an earlier submission, as long as ours may not have been processed:
  ``refused`` only ``refused_after_s`` after it was accepted, by Amazon's own clock.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from syncline.targets.amazon_sp.api import rate, told_error, wait_s
from syncline.targets.contract import Budget, DocumentAnswer, LineAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.targets.contract import Document, Line
    from syncline.targets.http import Answer

ATTRIBUTE = "fulfillment_availability"
ISSUES_MAX = 50
_SUBMISSION = re.compile(r"[A-Za-z0-9-]{1,100}")
_JOB = re.compile(r"([A-Za-z0-9-]{1,100})/([0-9]{1,12})")


def read_submission(document: Document, answer: Answer) -> DocumentAnswer:
    """The answer to a PATCH of one line."""
    status, body = answer.status_code, answer.body
    code, _ = told_error(body)
    if status == 200:
        return _submitted(document, answer)
    if status == 429:
        line = LineAnswer("not_executed", code or "throttled", {"status": status})
        budget = Budget(0.0, rate(answer), 1.0)
        return _alike(document, status, line, retry_after_s=wait_s(answer), budget=budget)
    if status == 401 or (status == 403 and code):
        return _alike(document, status, LineAnswer("not_executed", code or "login_refused", {"status": status}))
    if status in (400, 404, 413, 415) and code:
        return _alike(document, status, LineAnswer("refused", code, {"status": status}))
    line = LineAnswer("unknown", code or f"status_{status}", {"status": status})
    return _alike(document, status, line, silent=status >= 500)


def _submitted(document: Document, answer: Answer) -> DocumentAnswer:
    body, (line,) = answer.body, document.lines
    if not isinstance(body, dict) or body.get("sku") != line.item:
        return _alike(document, 200, LineAnswer("unknown", "nonsense"), silent=not isinstance(body, dict))
    issues = _errors(body.get("issues"))
    submission = body.get("submissionId")
    if body.get("status") == "INVALID":
        codes = [code for code, _ in issues]
        return _alike(document, 200, LineAnswer("refused", codes[0] if codes else "INVALID", {"issues": codes[:5]}))
    if body.get("status") == "ACCEPTED" and isinstance(submission, str) and _SUBMISSION.fullmatch(submission):
        accepted = LineAnswer("accepted", "ACCEPTED", {"submission": submission})
        return _alike(document, 200, accepted, job=f"{submission}/{_clock_s(answer)}")
    return _alike(document, 200, LineAnswer("unknown", "nonsense"))


def read_back(
    job: str, document: Document, answer: Answer, shown: Mapping[str, int], *, sole_writer: bool, refused_after_s: int
) -> DocumentAnswer | None:
    """What the listing proves of an accepted submission; see above. ``shown``: its numbers by channel."""
    (line,) = document.lines
    if shown.get(line.location) == line.quantity:
        return _alike(document, 200, _shown_as_wanted(line, sole_writer))
    accepted = _JOB.fullmatch(job)
    accepted_s, now_s = int(accepted[2]) if accepted else 0, _clock_s(answer)
    is_processed = accepted_s > 0 and now_s - accepted_s >= refused_after_s
    issues = answer.body.get("issues") if isinstance(answer.body, dict) else None
    ours = [code for code, names in _errors(issues) if ATTRIBUTE in names]
    if ours and is_processed:
        return _alike(document, 200, LineAnswer("refused", ours[0], {"issues": ours[:5]}))
    return None


def _shown_as_wanted(line: Line, sole_writer: bool) -> LineAnswer:
    detail = {"quantity": line.quantity}
    if sole_writer and line.shown is not None and line.shown != line.quantity:
        return LineAnswer("applied", "", detail)
    return LineAnswer("unknown", "number_of_others", detail)


def _errors(issues: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Code and attributes of issues of severity ERROR."""
    found = []
    for issue in issues[:ISSUES_MAX] if isinstance(issues, list) else []:
        if not isinstance(issue, dict) or issue.get("severity") != "ERROR":
            continue
        code, names = issue.get("code"), issue.get("attributeNames")
        texts = tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
        found.append((code[:60] if isinstance(code, str) and code.isprintable() else "ERROR", texts))
    return found


def _clock_s(answer: Answer) -> int:
    """The answer's own Date, in Unix seconds; 0 without one."""
    try:
        return max(0, int(parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()))
    except (ValueError, TypeError, OverflowError):
        return 0


def _alike(
    document: Document,
    status_code: int,
    line: LineAnswer,
    *,
    retry_after_s: float | None = None,
    silent: bool = False,
    job: str | None = None,
    budget: Budget | None = None,
) -> DocumentAnswer:
    lines = {sent.reference: line for sent in document.lines}
    return DocumentAnswer(status_code, lines, retry_after_s, silent, job, budget)
