"""Trees and proofs against the definition of RFC 6962 §2.1, written as it stands there."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from syncline.audit import merkle


def defined(entries: list[bytes]) -> bytes:
    """MTH(D[n]) by recursion: the split is at the largest power of two below n."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = 1 << (len(entries) - 1).bit_length() - 1
    return sha256(b"\x01" + defined(entries[:k]) + defined(entries[k:])).digest()


@pytest.mark.parametrize("size", [*range(20), 100, 255, 256, 257])
def test_the_root_is_that_of_the_rfc(size: int) -> None:
    entries = [f"row {n}".encode() for n in range(size)]
    assert merkle.root([merkle.leaf_hash(entry) for entry in entries]) == defined(entries)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 100, 257])
def test_every_leaf_has_a_short_path_and_no_other_leaf_fits_it(size: int) -> None:
    leaves = [merkle.leaf_hash(f"row {n}".encode()) for n in range(size)]
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.path(leaves, index)
        assert len(path) <= (size - 1).bit_length()
        assert merkle.leads_to(leaf, index, size, path, root)
        assert size == 1 or not merkle.leads_to(leaves[index - 1], index, size, path, root)
        assert not merkle.leads_to(leaf, index, size, [*path, leaf], root)


def test_a_changed_path_leads_nowhere() -> None:
    chance = random.Random(20261123)
    leaves = [merkle.leaf_hash(f"row {n}".encode()) for n in range(37)]
    for _ in range(200):
        index = chance.randrange(37)
        path = merkle.path(leaves, index)
        broken = list(path)
        at = chance.randrange(len(broken))
        broken[at] = bytes([broken[at][0] ^ 1]) + broken[at][1:]
        assert not merkle.leads_to(leaves[index], index, 37, broken, merkle.root(leaves))
        assert not merkle.leads_to(leaves[index], index, 37, path[:-1], merkle.root(leaves))


def test_a_node_is_no_leaf() -> None:
    """Domain separation: two leaves cannot be passed off as one whose content are their hashes."""
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.leaf_hash(left + right) != merkle.root([left, right])
