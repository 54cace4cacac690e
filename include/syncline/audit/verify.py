"""Check an export without the database: every edit, deletion, insertion and reordering, with its place.

Trust begins at the anchor: a line of ``anchors.jsonl`` that somebody kept outside. Everything up to its seal is covered
by it; without one an export only proves that it was signed by the keys it names, and says so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncline.audit import merkle
from syncline.audit.anchor import seal_line
from syncline.audit.export import LEAVES, SEALS, UNSEALED, leaf_line
from syncline.audit.keys import is_signed, key_id
from syncline.audit.seal import read_seal
from syncline.audit.statement import GENESIS, Leaf, Seal
from syncline.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

LINE_MAX = 64_000_000


@dataclass(frozen=True)
class Finding:
    """What is wrong, and where: ``place`` is file and line."""

    place: str
    what: str


@dataclass
class Verified:
    """``anchored``: number of the seal up to which an anchor covers the export; None without one."""

    seals: int = 0
    leaves: int = 0
    unsealed: int = 0
    first: int | None = None
    last: int | None = None
    anchored: int | None = None
    keys: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.findings


@dataclass(frozen=True)
class _Line:
    """A seal's line: the seal, and whether its signature holds."""

    seal: Seal
    statement: str
    public_key: bytes


def verify(folder: Path, anchor: Path | None = None) -> Verified:
    """Everything of an export that is not as it was sealed.

    Raises:
        TerminalError: a file of the export is missing; the anchor cannot be read.
    """
    done = Verified()
    for name in (SEALS, LEAVES, UNSEALED):
        if not (folder / name).is_file():
            raise TerminalError(f"{folder / name} is missing.", next_step="Export again; a part proves nothing.")
    seals = _read_seals(folder, done)
    _chain(seals, done)
    if anchor is not None:
        _compare_anchor(read_anchor(anchor), seals, done)
    _read_leaves(folder, seals, done)
    done.unsealed = sum(1 for _ in _lines(folder, UNSEALED))
    return done


def _lines(folder: Path, name: str) -> Iterator[tuple[int, bytes]]:
    with (folder / name).open("rb") as file:
        yield from enumerate(iter(lambda: file.readline(LINE_MAX), b""), start=1)


def _read_seals(folder: Path, done: Verified) -> list[tuple[int, _Line]]:
    found = []
    for number, raw in _lines(folder, SEALS):
        try:
            found.append((number, parse_seal(raw)))
        except ValueError as error:
            done.findings.append(Finding(f"{SEALS}:{number}", str(error)))
    done.seals = len(found)
    done.keys = sorted({line.seal.key_id for _, line in found})
    if found:
        done.first, done.last = found[0][1].seal.seal_no, found[-1][1].seal.seal_no
    return found


def parse_seal(raw: bytes) -> _Line:
    """A line as we write it, its signature checked.

    Raises:
        ValueError: what is wrong with it, in words.
    """
    try:
        said = json.loads(raw)
        statement, public = said["statement"], base64.b64decode(said["public_key"], validate=True)
        signature = base64.b64decode(said["signature"], validate=True)
        seal = read_seal(statement)
        is_canonical = (
            seal.statement().decode() == statement and seal_line(statement, signature, public).encode() == raw
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("is no seal: the line was changed") from None
    if not is_canonical:
        raise ValueError("is not written as a seal is: the line was changed")
    if key_id(public) != seal.key_id:
        raise ValueError(f"seal {seal.seal_no} names another key than the one beside it")
    if not is_signed(public, statement.encode(), signature):
        raise ValueError(f"the signature of seal {seal.seal_no} does not hold: statement or signature was changed")
    return _Line(seal, statement, public)


def _chain(seals: list[tuple[int, _Line]], done: Verified) -> None:
    before: Seal | None = None
    for number, line in seals:
        place, seal = f"{SEALS}:{number}", line.seal
        if before is None:
            if seal.seal_no == 1 and seal.previous != GENESIS:
                done.findings.append(Finding(place, "seal 1 follows another one"))
        elif seal.seal_no != before.seal_no + 1:
            done.findings.append(
                Finding(place, f"seal {seal.seal_no} follows {before.seal_no}: seals are missing, repeated or moved")
            )
        elif seal.previous != before.hash():
            done.findings.append(
                Finding(place, f"seal {seal.seal_no} was not made after seal {before.seal_no} as it is here")
            )
        before = seal


def read_anchor(path: Path) -> list[_Line]:
    """The lines of an anchor file.

    Raises:
        TerminalError: it has none, or one that is not a signed seal.
    """
    lines = []
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TerminalError(
            f"The anchor {path} cannot be read: {error.strerror}.", next_step="Name its file."
        ) from None
    for number, raw in enumerate(content.splitlines(keepends=True), start=1):
        try:
            lines.append(parse_seal(raw if raw.endswith(b"\n") else raw + b"\n"))
        except ValueError as error:
            raise TerminalError(
                f"{path}:{number}: {error}.", next_step="Use the anchor as it was written outside."
            ) from None
    if not lines:
        raise TerminalError(f"{path} holds no anchor.", next_step="Name a file with a line of anchors.jsonl.")
    return lines


def _compare_anchor(anchors: list[_Line], seals: list[tuple[int, _Line]], done: Verified) -> None:
    known = {line.seal.seal_no: (number, line) for number, line in seals}
    for anchor in sorted(anchors, key=lambda line: line.seal.seal_no):
        wanted = anchor.seal.seal_no
        if wanted in known:
            number, line = known[wanted]
            if line.statement != anchor.statement:
                done.findings.append(Finding(f"{SEALS}:{number}", f"seal {wanted} is another one than the anchor's"))
            else:
                done.anchored = wanted
        elif done.first is None or wanted >= done.first:
            done.findings.append(Finding(SEALS, f"seal {wanted}, which the anchor names, is missing"))


def _read_leaves(folder: Path, seals: list[tuple[int, _Line]], done: Verified) -> None:
    """Leaves in the order of their seals; a wrong line is named, and where no line is wrong the seal is."""
    wanted = {line.seal.seal_no: line.seal for _, line in seals}
    hashes: dict[int, list[bytes]] = {number: [] for number in wanted}
    spans: dict[int, list[int]] = {}
    blamed: set[int] = set()
    strange: set[int] = set()
    last = (0, -1)
    for number, raw in _lines(folder, LEAVES):
        done.leaves += 1
        leaf, digest, fault = _leaf(raw)
        if leaf is None or fault:
            done.findings.append(Finding(f"{LEAVES}:{number}", fault or "is no leaf: the line was changed"))
            blamed |= {leaf.seal_no} if leaf else {last[0], last[0] + 1}
            last = (leaf.seal_no, leaf.leaf_no) if leaf else (last[0], last[1] + 1)
            continue
        place = (leaf.seal_no, leaf.leaf_no)
        expected = (last[0], last[1] + 1)
        if place != expected and not (leaf.leaf_no == 0 and leaf.seal_no > last[0]):
            done.findings.append(
                Finding(f"{LEAVES}:{number}", f"leaf {place[1]} of seal {place[0]} stands after leaf {last[1]} of seal "
                        f"{last[0]}: lines are missing, repeated or moved")
            )  # fmt: skip
            blamed |= {place[0], last[0]}
        last = place
        if leaf.seal_no not in wanted:
            if leaf.seal_no not in strange:
                done.findings.append(Finding(SEALS, f"seal {leaf.seal_no} is missing: {LEAVES}:{number} is of it"))
            strange.add(leaf.seal_no)
            continue
        hashes[leaf.seal_no].append(digest)
        spans.setdefault(leaf.seal_no, []).append(number)
    for number, seal in wanted.items():
        _check_root(seal, hashes[number], spans.get(number, []), number in blamed, done)


def _leaf(raw: bytes) -> tuple[Leaf | None, bytes, str | None]:
    try:
        said: dict[str, Any] = json.loads(raw)
        leaf = Leaf(said["seal"], said["leaf"], said["stream"], said["key"], said["body"])
        digest = bytes.fromhex(said["hash"])
        is_typed = type(leaf.seal_no) is int and type(leaf.leaf_no) is int
        is_typed = is_typed and all(type(text) is str for text in (leaf.stream, leaf.key, leaf.body))
        line = leaf_line(leaf.seal_no, leaf.leaf_no, leaf.stream, leaf.key, leaf.body, digest.hex())
        is_canonical = is_typed and line.encode() == raw
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, b"", None
    if not is_canonical:
        return None, b"", "is not written as a leaf is: the line was changed"
    if merkle.leaf_hash(leaf.content()) != digest:
        return (
            leaf,
            digest,
            f"leaf {leaf.leaf_no} of seal {leaf.seal_no} is not what its hash says: the row was changed",
        )
    return leaf, digest, None


def _check_root(seal: Seal, hashes: list[bytes], lines: list[int], is_blamed: bool, done: Verified) -> None:
    where = f"{LEAVES}:{lines[0]}-{lines[-1]}" if lines else LEAVES
    if len(hashes) != seal.leaves:
        if not is_blamed or len(hashes) > seal.leaves or not lines:
            done.findings.append(
                Finding(where, f"seal {seal.seal_no} has {seal.leaves} leaves, {len(hashes)} are here")
            )
    elif merkle.root(hashes).hex() != seal.root:
        done.findings.append(
            Finding(where, f"the leaves of seal {seal.seal_no} do not give its root: a row was replaced")
        )
