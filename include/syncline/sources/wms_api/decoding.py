"""JSON of a page, so that nothing in it is guessed: no floats, no digits lost, no key told twice."""

from __future__ import annotations

import json
from typing import Any


class ObjectWithRepeatedKey(str):
    """Stands where an object said one key twice: which value holds cannot be known, so it is no object to us."""

    __slots__ = ()


def decoded(content: bytes) -> Any:
    """``content`` as Python values; numbers with a point, an exponent or too many digits are text.

    A quantity is an integer or it breaks its contract; so does an ``ObjectWithRepeatedKey`` in place of a record.

    Raises:
        ValueError, RecursionError: it is no JSON, or nested too deep.
    """
    try:
        page = json.loads(content, parse_float=str, parse_constant=str)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        # Python refuses to read a number of thousands of digits; one such record must not cost the page.
        return _slowly(content)
    return page if _tells_each_key_once(content, page) else _slowly(content)


def _slowly(content: bytes) -> Any:
    return json.loads(
        content,
        parse_float=str,
        parse_constant=str,
        parse_int=_integer_or_text,
        object_pairs_hook=_object,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | ObjectWithRepeatedKey:
    made = dict(pairs)
    return made if len(made) == len(pairs) else ObjectWithRepeatedKey(pairs)


def _integer_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) <= 20 else digits[:40]


def _tells_each_key_once(content: bytes, page: Any) -> bool:
    """Whether the keys that were read are as many as the keys that were written; False also when in doubt.

    Asking json for each object's pairs would more than double the time of every page. Without escapes, and without a
    blank before any colon, every key that was written is one ``":``; a text that begins with a colon is one more.
    """
    if b"\\" in content or any(blank in content for blank in (b" :", b"\n:", b"\r:", b"\t:")):
        return False
    read = _keys(page)
    return read is not None and read == content.count(b'":')


def _keys(page: Any) -> int | None:
    """Number of keys of a page of the usual shape, None for any other."""
    events = page.get("events") if type(page) is dict else None
    if type(events) is not list or set(map(type, events)) - {dict}:
        return None
    lines = [event.get("lines") for event in events]
    if set(map(type, lines)) - {list}:
        return None
    flat = [line for each in lines for line in each]
    if set(map(type, flat)) - {dict}:
        return None
    return len(page) + sum(map(len, events)) + sum(map(len, flat))
