"""The id of a correction: its content and nothing else."""

from __future__ import annotations

import hashlib
import json


def correction_id(
    target: str, item: str, location: str, to_version: int, reading_no: int, quantity: int, kind: str
) -> str:
    """64 hex digits; the same correction has the same id in every run, try and process (semantics §9)."""
    body = json.dumps([target, item, location, to_version, reading_no, quantity, kind], separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()
