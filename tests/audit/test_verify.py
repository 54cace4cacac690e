"""An export is checked without the database: any change of any byte is found, with its place."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import psycopg
import pytest
from tests.audit.conftest import AT, SIGNER

from syncline.audit.anchor import anchor_line
from syncline.audit.export import LEAVES, SEALS, export
from syncline.audit.keys import Signer
from syncline.audit.seal import seal_rest
from syncline.audit.verify import Verified, verify
from syncline.errors import TerminalError

SEED = 20261123
Lines = list[bytes]


@pytest.fixture
def exported(log: psycopg.Connection, tmp_path: Path) -> Path:
    """An export of six seals, and beside it the anchor of the last one."""
    export(log, tmp_path / "day")
    (tmp_path / "anchors.jsonl").write_text(anchor_line(log, 6))
    return tmp_path / "day"


def test_a_whole_export_is_sound(exported: Path) -> None:
    done = verify(exported, exported.parent / "anchors.jsonl")
    assert (done.findings, done.first, done.last, done.anchored) == ([], 1, 6, 6)
    assert done.unsealed == 5, "what is not sealed is said to be so"
    assert verify(exported).anchored is None


def test_the_same_log_gives_the_same_bytes(log: psycopg.Connection, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(log, tmp_path / name, AT.date())
    assert all((tmp_path / "a" / each).read_bytes() == (tmp_path / "b" / each).read_bytes() for each in (SEALS, LEAVES))
    with pytest.raises(TerminalError, match="not empty"):
        export(log, tmp_path / "a")


def test_a_day_is_a_stretch_of_the_chain(log: psycopg.Connection, tmp_path: Path) -> None:
    from datetime import timedelta

    assert seal_rest(log, SIGNER, AT + timedelta(days=1)) is not None
    done = export(log, tmp_path / "next", (AT + timedelta(days=1)).date())
    assert (done.seals, done.first) == (1, 7)
    assert verify(tmp_path / "next").is_sound


def test_who_makes_all_of_it_anew_is_found_by_the_anchor(exported: Path, log: psycopg.Connection) -> None:
    """Another key signs another story: sound in itself, and not what the anchor says."""
    forged = exported.parent / "forged"
    shutil.copytree(exported, forged)
    from syncline.audit.anchor import seal_line
    from syncline.audit.verify import parse_seal

    forger = Signer(bytes(31) + b"\x01")
    lines = []
    before = None
    for raw in (exported / SEALS).read_bytes().splitlines(keepends=True):
        import dataclasses

        seal = dataclasses.replace(parse_seal(raw).seal, key_id=forger.key_id)
        seal = dataclasses.replace(seal, previous=before.hash() if before else seal.previous)
        lines.append(seal_line(seal.statement().decode(), forger.sign(seal.statement()), forger.public))
        before = seal
    (forged / SEALS).write_text("".join(lines))
    assert verify(forged).is_sound
    done = verify(forged, exported.parent / "anchors.jsonl")
    assert [finding.place for finding in done.findings] == [f"{SEALS}:6"]


def test_seals_cut_off_are_found_by_the_anchor(exported: Path) -> None:
    seals = (exported / SEALS).read_bytes().splitlines(keepends=True)
    leaves = (exported / LEAVES).read_bytes().splitlines(keepends=True)
    (exported / SEALS).write_bytes(b"".join(seals[:-1]))
    (exported / LEAVES).write_bytes(b"".join(line for line in leaves if b'"seal":6,' not in line))
    assert verify(exported).is_sound, "an earlier export looks the same"
    done = verify(exported, exported.parent / "anchors.jsonl")
    assert [finding.what for finding in done.findings] == ["seal 6, which the anchor names, is missing"]


def _edit(chance: random.Random, lines: Lines) -> set[int]:
    at = chance.randrange(len(lines))
    line = bytearray(lines[at])
    place = chance.randrange(len(line))
    line[place] ^= 1 << chance.randrange(8)
    lines[at] = bytes(line)
    return {at}


def _splice(chance: random.Random, lines: Lines) -> set[int]:
    """Bytes cut out of a line, or put into it."""
    at = chance.randrange(len(lines))
    place = chance.randrange(len(lines[at]))
    if chance.random() < 0.5:
        lines[at] = lines[at][:place] + lines[at][place + chance.randint(1, 5) :]
    else:
        lines[at] = lines[at][:place] + bytes(chance.choice(b'09ax" {}\n') for _ in range(3)) + lines[at][place:]
    return {at}


def _delete(chance: random.Random, lines: Lines) -> set[int]:
    at = chance.randrange(len(lines))
    del lines[at]
    return {at - 1, at}


def _repeat(chance: random.Random, lines: Lines) -> set[int]:
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines) + 1)
    lines.insert(to, lines[at])
    return {to - 1, to, to + 1}


def _move(chance: random.Random, lines: Lines) -> set[int]:
    a, b = sorted(chance.sample(range(len(lines)), 2))
    lines[a], lines[b] = lines[b], lines[a]
    return {a, a + 1, b, b + 1}


def _foreign(chance: random.Random, lines: Lines) -> set[int]:
    """A part of another line in place of this one's."""
    at, other = chance.sample(range(len(lines)), 2)
    cut = chance.randint(1, min(len(lines[at]), len(lines[other])) - 1)
    changed = lines[other][:cut] + lines[at][cut:]
    if changed == lines[at]:
        return _edit(chance, lines)
    lines[at] = changed
    return {at}


WAYS = (_edit, _edit, _splice, _delete, _repeat, _move, _foreign)


@pytest.mark.parametrize("rounds", [400, pytest.param(10_000, marks=pytest.mark.deep)])
def test_every_mutation_is_found_with_its_place(exported: Path, rounds: int) -> None:
    """Edits, deletions, insertions and reorderings of seals and leaves; a failing round prints its seed."""
    names = (SEALS, LEAVES, LEAVES, LEAVES)
    whole = {name: (exported / name).read_bytes().splitlines(keepends=True) for name in (SEALS, LEAVES)}
    anchor = exported.parent / "anchors.jsonl"
    for number in range(rounds):
        chance = random.Random(f"{SEED}/{number}")
        name, way = chance.choice(names), chance.choice(WAYS)
        lines = list(whole[name])
        places = way(chance, lines)
        if lines == whole[name]:
            continue
        (exported / name).write_bytes(b"".join(lines))
        done = verify(exported, anchor)
        (exported / name).write_bytes(b"".join(whole[name]))
        said = f"round {SEED}/{number}: {way.__name__} of {name} at {sorted(places)}: {done.findings[:5]}"
        assert not done.is_sound, said
        assert _is_placed(done, name, places), said


def _is_placed(done: Verified, name: str, places: set[int]) -> bool:
    """Some finding names the file and a line at the change, counted from 1; a seal that is gone has only its file."""
    for finding in done.findings:
        file, _, span = finding.place.partition(":")
        first, _, last = span.partition("-")
        if file == name and (not span or any(int(first) - 1 <= at <= int(last or first) - 1 for at in places)):
            return True
    return False


def test_a_missing_file_is_said(exported: Path) -> None:
    (exported / LEAVES).unlink()
    with pytest.raises(TerminalError, match="is missing"):
        verify(exported)


def test_hostile_lines_are_findings_not_crashes(exported: Path) -> None:
    for line in (
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"seal":1e999}\n',
        b"null\n",
        b'{"statement":"{}"}\n',
        b"1\n",
    ):
        for name in (SEALS, LEAVES):
            before = (exported / name).read_bytes()
            (exported / name).write_bytes(before + line)
            assert not verify(exported).is_sound
            (exported / name).write_bytes(before)
