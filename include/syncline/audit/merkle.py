"""Merkle tree hashes and inclusion proofs as RFC 6962 §2.1 defines them.

A leaf and a node are hashed with different prefixes, so that no node can be passed off as a leaf. Sixty lines of our
own: who verifies an export should be able to read all that decides, and needs no package but this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

LEAF, NODE = b"\x00", b"\x01"
EMPTY = sha256(b"").digest()


def leaf_hash(content: bytes) -> bytes:
    return sha256(LEAF + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(NODE + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes in their order; of none the hash of nothing."""
    if not leaves:
        return EMPTY
    level = list(leaves)
    while len(level) > 1:
        paired = [node_hash(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
        # An odd one goes up as it is: the tree of RFC 6962 splits at the largest power of two.
        level = paired + level[len(level) & ~1 :]
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf ``index`` to the root, the nearest first: O(log n) of them."""
    found, level = [], list(leaves)
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            found.append(level[beside])
        paired = [node_hash(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
        level, index = paired + level[len(level) & ~1 :], index // 2
    return found


def leads_to(leaf: bytes, index: int, size: int, hashes: Sequence[bytes], wanted: bytes) -> bool:
    """Does ``hashes`` lead from this leaf hash, ``index`` of ``size`` leaves, to the root ``wanted``?"""
    if not 0 <= index < size:
        return False
    left, here = list(hashes), leaf
    while size > 1:
        beside = index ^ 1
        if beside < size:
            if not left:
                return False
            other = left.pop(0)
            here = node_hash(here, other) if index % 2 == 0 else node_hash(other, here)
        index, size = index // 2, (size + 1) // 2
    return not left and here == wanted
