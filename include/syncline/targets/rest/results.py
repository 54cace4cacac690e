"""What an answer of a described API proves, by the words that its description names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from syncline.targets.answers import integral
from syncline.targets.contract import DocumentAnswer, LineAnswer, Outcome
from syncline.targets.http import SERVER_ERROR, UNAUTHORIZED
from syncline.targets.reading import CODE_MAX, answered_alike
from syncline.targets.rest.template import at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.targets.contract import Document, Line
    from syncline.targets.http import Answer
    from syncline.targets.rest.options import ErrorRule, LineResults, Result, Write

NO_RESULT = LineAnswer("unknown", "no_result")


def line_values(line: Line, digits: int) -> dict[str, Any]:
    """What stands for each placeholder of a line."""
    return {
        "reference": line.reference[:digits],
        "item": line.item,
        "location": line.location,
        "quantity": line.quantity,
        "quantity_text": str(line.quantity),
        "version": line.expected_version,
        "shown": line.shown,
    }


def read_answer(
    write: Write, not_executed: frozenset[int], document: Document, answer: Answer, digits: int
) -> DocumentAnswer:
    """One result for each line; what is not declared proves nothing."""
    rule = _rule(write, answer)
    if rule is None and answer.status_code in write.good:
        lines = _of_lines(write.results, document, answer.body, digits) if write.results else None
        if lines is None:
            assert write.result is not None  # one of both, by the options
            lines = {each.reference: _told(write.result, answer.body, each, digits) for each in document.lines}
        return DocumentAnswer(answer.status_code, lines)
    outcome: Outcome = "unknown"
    if rule is not None:
        # Of several lines one is at fault and we are not told which: each goes alone next.
        is_one = len(document.lines) == 1 or rule.outcome in ("not_executed", "replayed")
        outcome = rule.outcome if is_one else "not_executed"
    elif answer.status_code == UNAUTHORIZED or answer.status_code in not_executed:
        outcome = "not_executed"  # 401: "has not been applied", RFC 9110 §15.5.2
    line = LineAnswer(outcome, _code(answer.body, write.error_code), {"status": answer.status_code})
    told = replace(
        answered_alike(document, line, answer.status_code),
        retry_after_s=answer.retry_after_s,
        silent=rule is None and answer.status_code >= SERVER_ERROR,
    )
    if told.retry_after_s is None and rule is not None and rule.retry_after_s is not None:
        return replace(told, retry_after_s=float(rule.retry_after_s))
    return told


def _rule(write: Write, answer: Answer) -> ErrorRule | None:
    code = at(answer.body, write.error_code) if write.error_code else None
    for rule in write.errors:
        if rule.status == answer.status_code and rule.code in (None, _word(code)):
            return rule
    return None


def _of_lines(results: LineResults, document: Document, body: Any, digits: int) -> dict[str, LineAnswer]:
    rows = at(body, results.rows)
    told: dict[str, list[Any]] = {}
    for row in rows[: 2 * len(document.lines)] if isinstance(rows, list) else []:
        if (reference := _word(at(row, results.reference))) is not None:
            told.setdefault(reference, []).append(row)
    answers: dict[str, LineAnswer] = {}
    for line in document.lines:
        match told.get(line.reference[:digits], []):
            case [row]:
                answers[line.reference] = _told(results, row, line, digits)
            case []:
                answers[line.reference] = NO_RESULT
            case _:
                answers[line.reference] = LineAnswer("unknown", "told_twice")
    return answers


def _told(result: Result, row: Any, line: Line, digits: int) -> LineAnswer:
    """What one result proves of its line."""
    values = line_values(line, digits)
    word = _word(at(row, result.word)) if result.word else None
    code = _code(row, result.code) or (word or "")[:CODE_MAX]
    if result.word and (word is None or word not in result.outcomes):
        return LineAnswer("unknown", code or "no_result")
    outcome: Outcome = result.outcomes[word] if word is not None else "applied"
    if outcome in ("applied", "replayed") and not _echoes(result.echo, row, values):
        return LineAnswer("unknown", "no_echo")
    return LineAnswer(outcome, code)


def _echoes(echo: Mapping[str, str], row: Any, values: Mapping[str, Any]) -> bool:
    for place, placeholder in echo.items():
        sent, told = values[placeholder[1:-1]], at(row, place)
        if isinstance(sent, int):
            try:
                told = integral(told)
            except ValueError:
                return False
        elif told is None or _word(told) != sent:
            return False
        if isinstance(sent, int) and told != sent:
            return False
    return True


def _word(value: Any) -> str | None:
    """Texts, and whole numbers as text; nothing else is a word."""
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    return value if isinstance(value, str) else None


def _code(body: Any, place: str | None) -> str:
    return (_word(at(body, place)) or "")[:CODE_MAX] if place else ""
