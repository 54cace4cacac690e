"""Fingerprints of connections: enough to see that a secret has changed, useless to whoever reads the warehouse."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.connections import Connection

# 16 MiB and about 50 ms for each guess; a run makes one.
COST = {"n": 2**14, "r": 8, "p": 1}
BYTES = 16


def fingerprint(connection: Connection, salt: str, key: str) -> str:
    """32 hex digits that stand for everything in ``connection``.

    Args:
        salt: of the target, from the warehouse.
        key: something that is not in the warehouse, so that the warehouse alone does not even allow a guess.
    """
    told = json.dumps(asdict(connection), sort_keys=True, default=str)
    return hashlib.scrypt(told.encode(), salt=f"{salt}\n{key}".encode(), dklen=BYTES, **COST).hex()
