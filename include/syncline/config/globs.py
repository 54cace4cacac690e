"""Location patterns of ownership rules: ``*`` is any text, ``?`` any character; ``x|…`` stays inside namespace x."""

from __future__ import annotations

import re
from functools import cache

_ANY_LOCATION = re.compile(r"([^|]*\|)?\*")


def namespace(pattern: str) -> str:
    """What stands before the first ``|``: locations and patterns of different namespaces never meet."""
    return pattern.partition("|")[0] if "|" in pattern else ""


def specificity(pattern: str) -> int:
    """0: any location, 1: a pattern, 2: one location (semantics §3)."""
    if _ANY_LOCATION.fullmatch(pattern):
        return 0
    return 1 if "*" in pattern or "?" in pattern else 2


def as_like(pattern: str) -> str:
    """The pattern for SQL ``like``, as ``int_roles`` makes it."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def can_meet(first: str, second: str) -> bool:
    """Whether some location name fits both patterns, known today or not.

    Exact: walks both patterns at once; a ``*`` either ends or takes one character of the other.
    """
    if namespace(first) != namespace(second):
        return False

    @cache
    def meet(i: int, j: int) -> bool:
        if i == len(first) and j == len(second):
            return True
        if i < len(first) and first[i] == "*":
            return meet(i + 1, j) or (j < len(second) and meet(i, j + 1))
        if j < len(second) and second[j] == "*":
            return meet(i, j + 1) or (i < len(first) and meet(i + 1, j))
        if i == len(first) or j == len(second):
            return False
        return (first[i] == second[j] or "?" in (first[i], second[j])) and meet(i + 1, j + 1)

    return meet(0, 0)
