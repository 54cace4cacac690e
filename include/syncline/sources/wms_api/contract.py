"""The contract of an event: the JSON Schemas beside this file, compiled once per process."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

SCHEMAS = Path(__file__).parent / "schemas"
VERSION = 1
DETAIL_MAX_CHARS = 300


@cache
def validators() -> dict[str, Callable[[Any], Any]]:
    """Event type -> compiled check. The schema's file name is the event type."""
    return {
        path.stem: fastjsonschema.compile(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(SCHEMAS.glob("*.json"))
    }


def breach(event: Any) -> tuple[str, str] | None:
    """(code, detail) of how ``event`` breaks its contract, None when it keeps it. Details are printable text."""
    if not isinstance(event, dict):
        return "event_not_object", f"an event is a JSON object, this is a {type(event).__name__}"
    kind = event.get("type")
    check = validators().get(kind) if isinstance(kind, str) else None
    if check is None:
        return "event_type_unknown", printable(f"type is {kind!r}; known: {', '.join(validators())}")
    if event.get("version") != VERSION:
        return "event_version_unknown", printable(f"version is {event.get('version')!r}, this reads {VERSION}")
    try:
        check(event)
    except fastjsonschema.JsonSchemaValueException as error:
        return "event_breaks_schema", printable(f"{kind}: {error.message.removeprefix('data.')}")
    return None


def printable(text: str) -> str:
    """``text`` of a partner made safe to store and show: ASCII, one line, limited."""
    return text[:DETAIL_MAX_CHARS].encode("ascii", "backslashreplace").decode().replace("\x00", "\\x00")
