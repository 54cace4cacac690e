"""Broken interchanges by the thousand: no crash, bounded work, a place for each defect, no test among production."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from random import Random

import pytest
from tests.edi.interchanges import edifact, x12

from syncline.edi import Profile, read_file, tokenizer
from syncline.edi.findings import Finding
from syncline.twin.edi import KINDS, Habits, build

FEW, MANY = 2_000, 20_000
BLOCKS = 40  # so many mutations are one test: a failure names its seed
POSITION = re.compile(r"file|segment \d+ .{0,20}at byte \d+")
MARKS = [b"~", b"'", b"*", b"+", b":", b"?", b"\n", b"\r\n", b"\x00", b"\xff", b"\xc3", b" ", b"ISA", b"UNB+", b"GS*"]
MARKS += [b"IEA*1*7~", b"UNA:+.? '", b"SE*", b"UNT+", b"0", b"-", b"\xef\xbb\xbf", b"\x1b[2J", b"9" * 30]


class Counted(io.BytesIO):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


@dataclass
class Work:
    """What a reading did. ``uses``: how often text was cut off the buffer; ``copied``: characters that cost."""

    uses: int = 0
    copied: int = 0
    items: int = 0


def mutated(rng: Random, data: bytes) -> bytes:
    """One to four defects; never a copy of one part into another, which nobody could tell from what was meant."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(7):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del out[at : at + rng.choice((1, 1, 2, 5, 20, 80))]
            case 2 | 3:
                out[at:at] = rng.choice(MARKS)
            case 4:
                out[at : at + 1] = rng.choice(MARKS)
            case 5:
                del out[max(at, len(out) // 2) :]
            case _:
                swap = rng.randrange(len(out)) if out else 0
                out[at : at + 1], out[swap : swap + 1] = out[swap : swap + 1], out[at : at + 1]
    return bytes(out)


def read_counted(data: bytes) -> tuple[object, Work, Counted]:
    work, stream = Work(), Counted(data)
    use = tokenizer._Tokenizer._use

    def counted_use(self: tokenizer._Tokenizer, characters: int) -> None:
        work.uses += 1
        work.copied += len(self._text)
        use(self, characters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer._Tokenizer, "_use", counted_use)
        reading = read_file(stream, source="acme_3pl", file="a.edi", profile=Profile("standard"))
    work.items = sum(1 for _ in tokenizer.segments(data))
    return reading, work, stream


def check(data: bytes) -> None:
    reading, work, stream = read_counted(data)
    size = len(data)
    # Twice for digest and encoding, once for the text.
    assert stream.taken <= 3 * size + 3 * tokenizer.READ_BYTES
    assert work.items <= size + 1
    assert work.uses <= 3 * work.items + tokenizer.STARTS_MAX + 20
    assert work.copied <= (work.uses + 1) * (size + 1)
    for row in reading.rows():  # type: ignore[attr-defined]
        assert all(each.isprintable() for each in map(str, row)), row
        assert POSITION.fullmatch(row.position), row.position
        if row.kind is not None:
            assert re.fullmatch(r"-?\d+(\.\d+)?", row.quantity or ""), row
            assert row.item_ref
            assert row.location_ref
            assert row.uom
            assert row.line_key
            assert row.event_key
    findings: list[Finding] = reading.findings  # type: ignore[attr-defined]
    assert all(found.offset <= size for found in findings)
    for each in reading.sets:  # type: ignore[attr-defined]
        if each.verdict == "rejected":
            assert not len(each.facts) or not each.taken.is_rejected
            assert any(found.segment_no for found in each.taken.findings)
    refused = sum(each.verdict == "rejected" for each in reading.sets)  # type: ignore[attr-defined]
    assert len(reading.faults) >= refused  # type: ignore[attr-defined]


def no_set_is_lost(data: bytes) -> None:
    """Where something is missing that the whole file had, the reading says that it is not whole."""
    reading = read_file(data, source="acme_3pl", file="a.edi", profile=Profile("standard"))
    openers = len(re.findall(rb"(?<![A-Za-z0-9])(?:ST\*[0-9]{3}\*|UNH\+[0-9]+\+[A-Z]{6}:)", data))
    assert reading.faults or len(reading.sets) >= openers


def sources(rng: Random) -> bytes:
    """A file of the twin, with all its own bad habits."""
    return build(rng.randrange(10_000), rng.randrange(40), KINDS, Habits.all(0.05)).content


def run(block: int, count: int) -> None:
    for n in range(count // BLOCKS):
        seed = f"{block}.{n}"
        rng = Random(seed)
        data = mutated(rng, sources(rng))
        try:
            check(data)
            no_set_is_lost(data)
        except Exception as error:
            error.add_note(f"seed {seed!r}, {len(data)} bytes: mutated(rng, sources(rng)) with rng = Random({seed!r})")
            raise


@pytest.mark.parametrize("block", range(BLOCKS))
def test_mutations_are_read_or_said(block: int) -> None:
    run(block, FEW)


@pytest.mark.deep
@pytest.mark.parametrize("block", range(1_000, 1_000 + BLOCKS))
def test_mutations_are_read_or_said_deep(block: int) -> None:
    run(block, MANY)


# A test stays a test -------------------------------------------------------------------------------------------------

BODY = [
    "BIA*00*SI*{0}*20261102*1430",
    "N1*WH**92*DC3",
    "LIN*1*SK*{0}-1",
    "QTY*17*12*EA",
    "LIN*2*SK*{0}-2",
    "QTY*17*3*EA",
]
MESSAGE = ["BGM+35+{0}+9", "DTM+366:20261102:102", "NAD+WH+DC3::92", "LIN+1++{0}-1:SA", "QTY+145:5:PCE", "CNT+2:1"]


def beside_each_other(rng: Random) -> tuple[bytes, bytes]:
    """Production, a test, production; and the bytes of the test's header."""
    live, test = ([row.format(name) for row in BODY] for name in ("LIVE", "TEST"))
    live_, test_ = ([row.format(name) for row in MESSAGE] for name in ("LIVE", "TEST"))
    end = rng.choice(["~", "~\n", "!"])
    x12_test = x12("846", test, test, usage="T", control=8, end=end)
    edifact_test = edifact("INVRPT", test_, is_test=True, control=8)
    around = [x12("846", live, live, end=end), edifact("INVRPT", live_, live_)]
    rng.shuffle(around)
    if rng.random() < 0.5:
        return around[0] + x12_test + around[1], x12_test[:106]
    return around[0] + edifact_test + around[1], edifact_test.partition(b"'")[0]


def leaks(count: int, block: int) -> int:
    tests = 0
    for n in range(count // BLOCKS):
        seed = f"leak {block}.{n}"
        rng = Random(seed)
        data, header = beside_each_other(rng)
        data = mutated(rng, data)
        if header not in data:
            continue
        facts = list(read_file(data, source="acme_3pl", file="a.edi", profile=Profile("standard")).facts)
        found = [fact for fact in facts if (fact.item_ref or "").startswith("TEST")]
        tests += len(found)
        leaked = [fact.position for fact in found if not fact.is_test]
        assert not leaked, f"seed {seed!r}: {leaked} of a test are production"
    return tests


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_test_becomes_production(block: int) -> None:
    assert leaks(FEW, block) > 20


@pytest.mark.deep
@pytest.mark.parametrize("block", range(1_000, 1_000 + BLOCKS))
def test_no_test_becomes_production_deep(block: int) -> None:
    assert leaks(MANY, block) > 200
