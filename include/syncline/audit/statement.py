"""The words of the audit log: leaves and seals as bytes that are hashed and signed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

FORMAT = "syncline audit 1"
GENESIS = "0" * 64


def canonical(value: Any) -> str:
    """JSON with sorted keys and without spaces: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row of one stream. ``body``: the row as Postgres writes its ``jsonb``; ``leaf_no``: its place in its seal."""

    seal_no: int
    leaf_no: int
    stream: str
    key: str
    body: str

    def content(self) -> bytes:
        """What is hashed: place, stream and key too, so that a row cannot be moved or said to be another's."""
        return canonical([FORMAT, self.seal_no, self.leaf_no, self.stream, self.key, self.body]).encode()


@dataclass(frozen=True, slots=True)
class Seal:
    """What is signed. ``previous``: hash of the seal before, so that none can be left out or put between.

    ``sealed_at`` is in the product's clock; ``root`` in hex.
    """

    seal_no: int
    batch_id: int | None
    sealed_at: str
    leaves: int
    root: str
    previous: str
    key_id: str

    def statement(self) -> bytes:
        return canonical({"format": FORMAT, **asdict(self)}).encode()

    def hash(self) -> str:
        return sha256(self.statement()).hexdigest()
