"""The contract of an event: the JSON Schemas beside this file, one folder a version, compiled once per process."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

SCHEMAS = Path(__file__).parent / "schemas"
DETAIL_MAX_CHARS = 300


@cache
def validators() -> dict[str, dict[int, Callable[[Any], Any]]]:
    """Event type -> version -> compiled check. The schema's file name is the event type, its folder the version."""
    found: dict[str, dict[int, Callable[[Any], Any]]] = {}
    for path in sorted(SCHEMAS.glob("v*/*.json")):
        check = fastjsonschema.compile(json.loads(path.read_text(encoding="utf-8")))
        found.setdefault(path.stem, {})[int(path.parent.name.removeprefix("v"))] = check
    return found


def breach(event: Any) -> tuple[str, str] | None:
    """(code, detail) of how ``event`` breaks its contract, None when it keeps it. Details are printable text."""
    if not isinstance(event, dict):
        return "event_not_object", f"an event is a JSON object, this is a {type(event).__name__}"
    kind, version = event.get("type"), event.get("version")
    versions = validators().get(kind) if isinstance(kind, str) else None
    if versions is None:
        return "event_type_unknown", printable(f"type is {kind!r}; known: {', '.join(validators())}")
    check = versions.get(version) if type(version) is int else None
    if check is None:
        known = " and ".join(map(str, versions))
        return "event_version_unknown", printable(f"version is {version!r}; of {kind} this reads {known}")
    try:
        check(event)
    except fastjsonschema.JsonSchemaValueException as error:
        return "event_breaks_schema", printable(f"{kind}: {error.message.removeprefix('data.')}")
    return None


def printable(text: str) -> str:
    """``text`` of a partner made safe to store and show: ASCII, one line, limited."""
    return text[:DETAIL_MAX_CHARS].encode("ascii", "backslashreplace").decode().replace("\x00", "\\x00")
