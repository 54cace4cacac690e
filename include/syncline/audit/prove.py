"""The proof that one row is in the log: O(log n) hashes from its leaf to a signed root."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.audit import merkle
from syncline.audit.anchor import anchor_line
from syncline.audit.statement import Leaf
from syncline.audit.verify import parse_seal, read_anchor
from syncline.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg


@dataclass(frozen=True)
class Proven:
    """A row that its proof bears out. ``is_anchored``: the seal is the one of the anchor that was given."""

    leaf: Leaf
    sealed_at: str
    key_id: str
    hashes: int
    is_anchored: bool


def prove(conn: psycopg.Connection, stream: str, key: str) -> list[dict[str, Any]]:
    """Proofs of every leaf of a row, the oldest first; JSON-able.

    Raises:
        TerminalError: no seal holds such a row.
    """
    found = conn.execute(
        "select seal_no, leaf_no, stream, key, body from ops.audit_leaves where stream = %s and key = %s "
        "order by seal_no, leaf_no",
        (stream, key),
    ).fetchall()
    if not found:
        raise TerminalError(
            f"No seal holds a row {key!r} of {stream!r}.",
            next_step="Look at the streams and keys in ops.audit_leaves; what is not sealed yet cannot be proven.",
        )
    return [_proof(conn, Leaf(*row)) for row in found]


def _proof(conn: psycopg.Connection, leaf: Leaf) -> dict[str, Any]:
    hashes = [
        bytes(digest)
        for (digest,) in conn.execute(
            "select hash from ops.audit_leaves where seal_no = %s order by leaf_no", [leaf.seal_no]
        )
    ]
    return {
        "seal": leaf.seal_no, "leaf": leaf.leaf_no, "stream": leaf.stream, "key": leaf.key, "body": leaf.body,
        "path": [each.hex() for each in merkle.path(hashes, leaf.leaf_no)],
        "sealed_by": anchor_line(conn, leaf.seal_no),
    }  # fmt: skip


def check_proof(proof: dict[str, Any], anchor: Path | None = None) -> Proven:
    """Does the proof lead from the row to a signed root?

    Raises:
        TerminalError: it does not, or the anchor names another seal under that number.
    """
    try:
        line = parse_seal(str(proof["sealed_by"]).encode())
        leaf = Leaf(proof["seal"], proof["leaf"], proof["stream"], proof["key"], proof["body"])
        hashes = [bytes.fromhex(each) for each in proof["path"]]
        leads = line.seal.seal_no == leaf.seal_no and merkle.leads_to(
            merkle.leaf_hash(leaf.content()), leaf.leaf_no, line.seal.leaves, hashes, bytes.fromhex(line.seal.root)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise TerminalError(
            f"The proof cannot be read: {error}.", next_step="Take it from `syncline audit prove`."
        ) from None
    if not leads:
        raise TerminalError(
            f"The row {leaf.key!r} of {leaf.stream!r} is not leaf {leaf.leaf_no} of seal {leaf.seal_no}.",
            next_step="The row, its place or the path was changed: take the proof from the log again.",
        )
    same = [each for each in read_anchor(anchor) if each.seal.seal_no == leaf.seal_no] if anchor else []
    if any(each.statement != line.statement for each in same):
        raise TerminalError(
            f"Seal {leaf.seal_no} is another one than the anchor's.", next_step="The log was rewritten: ask who could."
        )
    return Proven(leaf, line.seal.sealed_at, line.seal.key_id, len(hashes), bool(same))


def read_proofs(text: str) -> list[dict[str, Any]]:
    """What ``syncline audit prove --json`` printed.

    Raises:
        TerminalError: it is not that.
    """
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
        raise TerminalError("This is no proof.", next_step="Keep what `syncline audit prove --json` prints.")
    return said
