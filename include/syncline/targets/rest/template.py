"""JSON with placeholders, filled and never evaluated; and dotted paths into an answer.

``{name}`` alone keeps the value's type; inside a longer text it is put in as text. There is nothing else: no
expression, no attribute, no format.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Template = Any  # JSON: what ``names_in`` lets through
DEPTH_MAX = 8
PARTS_MAX = 200
TEXT_MAX = 500
_PLACEHOLDER = re.compile(r"\{([a-z_]{1,30})\}")
_ALONE = re.compile(r"\{([a-z_]{1,30})\}\Z")
MISSING = object()


class Unsendable(ValueError):
    """A value that cannot stand in an address."""


def names_in(template: Template) -> frozenset[str]:
    """Placeholders of a template.

    Raises:
        ValueError: it is too deep or too large, or holds a brace that is no placeholder.
    """
    return frozenset(_names(template, 0, [0]))


def _names(template: Template, depth: int, seen: list[int]) -> Iterator[str]:
    seen[0] += 1
    if depth > DEPTH_MAX or seen[0] > PARTS_MAX:
        raise ValueError(f"a template has at most {DEPTH_MAX} levels and {PARTS_MAX} parts")
    if isinstance(template, dict):
        for key, each in template.items():
            if not isinstance(key, str) or "{" in key or "}" in key or len(key) > TEXT_MAX:
                raise ValueError("a name in a template is a text without placeholders")
            yield from _names(each, depth + 1, seen)
    elif isinstance(template, list):
        for each in template:
            yield from _names(each, depth + 1, seen)
    elif isinstance(template, str):
        if len(template) > TEXT_MAX or re.search(r"[{}]", _PLACEHOLDER.sub("", template)):
            raise ValueError(f"{template[:40]!r} has a brace that is no placeholder such as {{item}}, or is too long")
        yield from _PLACEHOLDER.findall(template)
    elif isinstance(template, float) or not isinstance(template, int | None):
        raise ValueError("a template holds objects, lists, texts, whole numbers, true, false and null")


def filled(template: Template, values: Mapping[str, Any]) -> Any:
    """The template with ``values``; a placeholder without a value is null, or empty inside a text."""
    if isinstance(template, dict):
        return {key: filled(each, values) for key, each in template.items()}
    if isinstance(template, list):
        return [filled(each, values) for each in template]
    if not isinstance(template, str):
        return template
    alone = _ALONE.match(template)
    return values.get(alone[1]) if alone else _text(template, values)


def filled_path(template: str, values: Mapping[str, Any]) -> str:
    """An address with its values encoded. Raises Unsendable: one is empty, or would step out of its place."""

    def encoded(match: re.Match[str]) -> str:
        text = _as_text(values.get(match[1]))
        if text in ("", ".", ".."):
            raise Unsendable(f"{match[1]} {text!r} cannot stand in an address")
        return quote(text, safe="")

    return _PLACEHOLDER.sub(encoded, template)


def _text(template: str, values: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda match: _as_text(values.get(match[1])), template)


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_as_text(each) for each in value)
    return "" if value is None else str(value)


def at(body: Any, path: str | None) -> Any:
    """What stands under a dotted path (``error.code``, ``lines.0.id``); MISSING where nothing is. None, ``.``: all."""
    for step in path.split(".") if path and path != "." else ():
        if isinstance(body, dict):
            body = body.get(step, MISSING)
        elif isinstance(body, list) and step.isdecimal() and int(step) < len(body):
            body = body[int(step)]
        else:
            return MISSING
    return body
