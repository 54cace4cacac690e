"""Turning a partner's answers into typed rows: limits on everything, nothing guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import fastjsonschema

from syncline.errors import PartnerContractBroken, SynclineError
from syncline.targets.contract import Change, Check, DocumentAnswer, Line, LineAnswer, Outcome, Page
from syncline.targets.http import UNAUTHORIZED, LoginRefused, NoAnswer, NotSent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncline.targets.contract import Document
    from syncline.targets.http import Answer
    from syncline.targets.policy import TargetPolicy

QUANTITY_MAX = 10**12
POSITION_MAX = 2**62
TEXT = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[^\\x00-\\x1f]+$"}
OPTIONAL_TEXT = {"anyOf": [{"type": "null"}, TEXT]}
QUANTITY = {"type": "integer", "minimum": -QUANTITY_MAX, "maximum": QUANTITY_MAX}
POSITION = {"type": "integer", "minimum": 0, "maximum": POSITION_MAX}
CODE_MAX = 60


def page_validator(properties: Mapping[str, Any], limit: int, optional: Sequence[str] = ()) -> Callable[[Any], Any]:
    """Compiled check of a page whose changes have ``properties``; unknown members are let through."""
    required = [name for name in properties if name not in optional]
    return fastjsonschema.compile(
        {
            "type": "object",
            "required": ["changes", "has_more"],
            "properties": {
                "has_more": {"type": "boolean"},
                "changes": {
                    "type": "array",
                    "maxItems": limit,
                    "items": {"type": "object", "required": required, "properties": dict(properties)},
                },
            },
        }
    )


def read_page(
    target: str, body: Any, after: int, validate: Callable[[Any], Any], row: Callable[[dict[str, Any]], Change]
) -> Page:
    """Check and convert a page.

    Raises:
        PartnerContractBroken: a member is missing or out of range, or positions do not rise; the cursor stays.
    """
    try:
        validate(body)
        changes = tuple(row(change) for change in body["changes"])
    except (fastjsonschema.JsonSchemaValueException, ValueError) as error:
        raise _broken(target, after, getattr(error, "message", None) or str(error)) from None
    last = after
    for change in changes:
        if change.position <= last:
            raise _broken(target, after, f"position {change.position} after {last}")
        last = change.position
    if body["has_more"] and not changes:
        raise _broken(target, after, "an empty page that promises more")
    return Page(changes, body["has_more"])


def instant(text: str) -> datetime:
    """ISO 8601 with a zone, in UTC. Raises ValueError."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"changed_at {text!r} has no zone")
    return value.astimezone(UTC)


def read_document(
    policy: TargetPolicy, lines: Sequence[Line], answer: Answer, results: Mapping[str, Outcome]
) -> DocumentAnswer:
    """Classify an answer line by line; what the contract does not say proves nothing and is ``unknown``."""
    if answer.status_code == 200:
        return DocumentAnswer(200, _read_lines(lines, answer.body, results))
    outcome: Outcome = "unknown"
    if answer.status_code == UNAUTHORIZED or answer.status_code in policy.not_executed:
        # 401: "has not been applied", RFC 9110 §15.5.2.
        outcome = "not_executed"
    elif answer.status_code in policy.refused:
        # Of several lines one is at fault and we are not told which: nothing was executed, each goes alone next.
        outcome = "refused" if len(lines) == 1 else "not_executed"
    line = LineAnswer(outcome, _error_code(answer.body), {"status": answer.status_code})
    return DocumentAnswer(
        answer.status_code,
        {sent.reference: line for sent in lines},
        answer.retry_after_s,
        silent=answer.status_code >= 500,
    )


def not_answered(document: Document, error: NoAnswer | NotSent | LoginRefused) -> DocumentAnswer:
    """What a call that raised proves: nothing, or that it was not made."""
    if isinstance(error, NoAnswer):
        return answered_alike(document, LineAnswer("unknown", "no_answer", {"why": error.message[:CODE_MAX]}), None)
    code = "login_refused" if isinstance(error, LoginRefused) else "not_sent"
    return replace(
        answered_alike(document, LineAnswer("not_executed", code, {"why": error.message[:CODE_MAX]}), None),
        retry_after_s=error.retry_after_s if isinstance(error, NotSent) else None,
    )


def answered_alike(document: Document, line: LineAnswer, status_code: int | None) -> DocumentAnswer:
    """One result for every line; without a status the target was silent."""
    lines = {sent.reference: line for sent in document.lines}
    return DocumentAnswer(status_code, lines, silent=status_code is None)


def _read_lines(lines: Sequence[Line], body: Any, results: Mapping[str, Outcome]) -> dict[str, LineAnswer]:
    answered: dict[str, LineAnswer] = {}
    told = body.get("lines") if isinstance(body, dict) else None
    for row in told[: 2 * len(lines)] if isinstance(told, list) else []:
        if not isinstance(row, dict) or not isinstance(row.get("reference"), str):
            continue
        result = row.get("result")
        outcome = results.get(result, "unknown") if isinstance(result, str) else "unknown"
        code = row.get("code")
        detail = {
            name: row[name]
            for name in ("position", "quantity_after", "available_after", "version")
            if type(row.get(name)) is int
        }
        told_twice = row["reference"] in answered
        answered[row["reference"]] = LineAnswer(
            "unknown" if told_twice else outcome, str(code)[:CODE_MAX] if isinstance(code, str) else "", detail
        )
    missing = LineAnswer("unknown", "no_result")
    return {line.reference: answered.get(line.reference, missing) for line in lines}


def _error_code(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code[:CODE_MAX] if isinstance(code, str) else ""


def _broken(target: str, after: int, what: str) -> PartnerContractBroken:
    return PartnerContractBroken(
        f"The change list of {target} after position {after} breaks its contract: {what[:300]}.",
        next_step="Send the partner this line; the position stays, the next run reads the page again.",
        target=target,
        after=after,
    )


def checked_by_reading(read: Callable[[], object]) -> Check:
    """A check by a call that only reads."""
    try:
        read()
    except SynclineError as error:
        return Check("read", False, str(error))
    return Check("read", True, "connection, login, right to read and version are well")
