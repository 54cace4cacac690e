"""What a partner means, written in any shape, is what is read: no more, no less, each at its byte."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.edi.interchanges import read

from syncline.edi import Profile, Reading, tokenizer
from syncline.twin.edi import edifact as edifact_writer
from syncline.twin.edi import x12 as x12_writer
from syncline.twin.edi.documents import body
from syncline.twin.edi.envelope import Group, Interchange, Piece, Separators, Set
from syncline.twin.edi.facts import Fact, expected
from syncline.twin.edi.generate import generate
from syncline.twin.edi.model import EDIFACT_KINDS, X12_KINDS, Document
from syncline.twin.edi.style import Style

FEW = settings(derandomize=True, max_examples=60, deadline=None, database=None)
MANY = settings(
    derandomize=False, max_examples=1_000, deadline=None, database=None, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
STANDARD = Profile("standard")
RECEIPTS = ("944", "861", "RECADV")
# No document of the twin has one of these in a value.
MARKS = "*~|^!>:;{}[]&%$#@_=<\\`\x1c\x1d\x1e\x1f\x15¦§¶…"
LINE_ENDS = ["", "\n", "\r\n", "  \r\n    ", "\n\n"]

Stated = Counter[tuple[str, ...]]


def told(facts: Sequence[Fact]) -> Stated:
    """Sums of movements and every balance, in the words of the truth."""
    rows = ((f.kind, f.item, f.location, f.measure, f.unit, f.lot, f.when, f.quantity) for f in facts)
    return _summed(rows)


def understood(reading: Reading, *, is_receipt: bool) -> Stated:
    """The same of what was read. The twin does not tell that received goods are under way no more."""
    return _summed(
        (
            str(f.kind), str(f.item_ref), str(f.location_ref), str(f.status_ref), str(f.uom), f.lot or "",
            str(f.recorded), str(f.quantity),
        )
        for f in reading.facts
        if not (is_receipt and f.status_ref == "in_transit")
    )  # fmt: skip


def _summed(rows: object) -> Stated:
    found: Stated = Counter()
    sums: dict[tuple[str, ...], Decimal] = {}
    for *key, quantity in rows:  # type: ignore[attr-defined]
        key[3] = "unmapped" if ":" in key[3] else key[3]
        if key[0] == "balance":
            found[*key, _plain(Decimal(quantity))] += 1
        else:
            sums[tuple(key)] = sums.get(tuple(key), Decimal(0)) + Decimal(quantity)
    for key_, total in sums.items():
        if total:
            found[*key_, _plain(total)] += 1
    return found


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def pieces_of(kind: str, documents: Sequence[Document], marks: Sequence[str], draw: Random) -> list[Piece]:
    """An interchange of all documents, segment by segment."""
    is_edifact = kind in EDIFACT_KINDS
    element, component, terminator = marks
    separators = Separators(element, component, terminator, " " if is_edifact else "U", "?" if is_edifact else "")
    style = Style(release=draw.choice(("96A", "01B")))
    sets = tuple(Set(control=f"{n:04d}", body=body(each, style)) for n, each in enumerate(documents, 1))
    groups = (Group(control="7", sets=sets),)
    interchange = Interchange(
        control="000000007", sender="ACME", receiver="SYNCLINE", at=datetime(2026, 11, 9, 12, 0), groups=groups,
        separators=separators, version="3" if is_edifact else "00501" if kind == "999" else "00401",
        has_una=is_edifact, has_groups=is_edifact and draw.random() < 0.5,
    )  # fmt: skip
    pieces: list[Piece] = (edifact_writer if is_edifact else x12_writer).pieces(interchange)
    return pieces


def laid_out(pieces: Sequence[Piece], draw: Random) -> bytes:
    """With line ends or wrapped at any width, with or without a byte order mark and the last terminator."""
    shape = draw.randrange(3)
    line_end = draw.choice(LINE_ENDS) if shape else ""
    text = "".join(f"{each.text}{each.terminator}{line_end if each.terminator else ''}" for each in pieces)
    if shape == 2:
        text = text.replace(line_end, "") if line_end else text
        width = draw.randint(20, 200)
        text = "\n".join(text[at : at + width] for at in range(0, len(text), width))
    if draw.random() < 0.2:
        text = text.rstrip("\r\n ")[: -len(pieces[-1].terminator)]
    return (b"\xef\xbb\xbf" if draw.random() < 0.2 else b"") + text.encode()


def check_documents(kind: str, seed: int, count: int, marks: Sequence[str], block: int) -> None:
    draw = Random(seed)
    documents = [generate(draw, kind) for _ in range(count)]
    data = laid_out(pieces_of(kind, documents, marks, draw), draw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "READ_BYTES", block)
        patch.setattr(tokenizer, "SPLIT_AT_ONCE", 1 + block % 50)
        reading = read(data, STANDARD)
    assert [str(found) for found in reading.findings if found.severity == "error"] == []
    truth = [fact for each in documents for fact in expected(each)]
    assert understood(reading, is_receipt=kind in RECEIPTS) == told(truth)
    assert len(reading.sets) == count
    for fact in reading.facts:
        _, segment, at = re.fullmatch(r"segment (\d+) (\w+) at byte (\d+)", fact.position).groups()  # type: ignore[union-attr]
        assert data[int(at) :].replace(b"\n", b"").startswith(segment.encode())


shapes = {
    "seed": st.integers(0, 2**32),
    "count": st.integers(1, 4),
    "marks": st.lists(st.sampled_from(MARKS), min_size=3, max_size=3, unique=True),
    "block": st.integers(1, 4_000),
}
KINDS = [kind for kind in (*X12_KINDS, *EDIFACT_KINDS) if kind != "TA1"]


@pytest.mark.parametrize("kind", KINDS)
@given(**shapes)
@FEW
def test_every_document_in_any_shape(kind: str, seed: int, count: int, marks: list[str], block: int) -> None:
    check_documents(kind, seed, count, marks, block)


@pytest.mark.deep
@pytest.mark.parametrize("kind", KINDS)
@given(**shapes)
@MANY
def test_every_document_in_any_shape_deep(kind: str, seed: int, count: int, marks: list[str], block: int) -> None:
    check_documents(kind, seed, count, marks, block)


# Values, by a writer of four lines ----------------------------------------------------------------------------------

printable = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Cn", "Co"])
text = st.text(printable, min_size=1, max_size=30)
number = st.from_regex(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", fullmatch=True)
lines = st.lists(st.tuples(text, number, st.none() | text), min_size=1, max_size=5)


def check_values(items: list[tuple[str, str, str | None]], *, is_edifact: bool, marks: str) -> None:
    element, component, terminator = marks
    released = {ord(each): f"?{each}" for each in f"{marks}?"} if is_edifact else dict.fromkeys(map(ord, marks), "x")

    def row(*elements: str) -> str:
        return element.join(elements) + terminator

    def say(value: str) -> str:
        return value.translate(released)

    rows: list[str] = []
    for item, quantity, lot in items:
        if is_edifact:
            rows += [row("LIN", "1", "", f"{say(item)}{component}SA")]
            rows += [row("QTY", component.join(("145", quantity, "PCE")))]
            rows += [row("GIN", "BX", say(lot))] if lot else []
        else:
            rows += [row("LIN", "1", "SK", say(item)), row("QTY", "17", quantity, "EA")]
            rows += [row("LS", "1"), row("REF", "LT", say(lot)), row("LE", "1")] if lot else []
    data = (_edifact if is_edifact else _x12)(row, component, terminator, rows)
    kept = str if is_edifact else say
    reading = read(data.encode(), STANDARD)
    assert [found.code for found in reading.faults] == []
    assert [(f.item_ref, f.quantity, f.lot) for f in reading.facts] == [
        (kept(item), quantity, kept(lot) if lot else None) for item, quantity, lot in items
    ]


def _x12(row: object, component: str, terminator: str, rows: list[str]) -> str:
    assert callable(row)
    isa = ("ISA", "00", " " * 10, "00", " " * 10, "ZZ", "ACME".ljust(15), "ZZ", "US".ljust(15), "261102", "1430", "U")
    begin = [row(*isa, "00401", "000000007", "0", "P", component), row("GS", "IB", "A", "B", "20261102", "1430", "7")]
    head = [row("ST", "846", "1"), row("BIA", "00", "SI", "R", "20261102"), row("N1", "WH", "", "92", "DC3")]
    tail = [row("SE", str(len(rows) + 4), "1"), row("GE", "1", "7"), row("IEA", "1", "7")]
    return "".join([*begin, *head, *rows, *tail])


def _edifact(row: object, component: str, terminator: str, rows: list[str]) -> str:
    assert callable(row)
    una = f"UNA{component}{row('', '')[0]}.? {terminator}"
    begin = row("UNB", f"UNOC{component}3", "A", "B", f"261102{component}1430", "7")
    head = [row("UNH", "1", component.join(("INVRPT", "D", "96A", "UN"))), row("BGM", "35", "R", "9")]
    head += [row("DTM", component.join(("366", "20261102", "102"))), row("NAD", "WH", "DC3")]
    return "".join([una, begin, *head, *rows, row("UNT", str(len(rows) + 5), "1"), row("UNZ", "1", "7")])


@pytest.mark.parametrize("is_edifact", [False, True])
@given(items=lines, marks=st.sampled_from(["*>~", "|:'", "+:\n", "\x1d\x1f\x1c", "~^}", "+:'"]))
@FEW
def test_every_value_comes_back(is_edifact: bool, items: list[tuple[str, str, str | None]], marks: str) -> None:
    check_values(items, is_edifact=is_edifact, marks=marks)


@pytest.mark.deep
@pytest.mark.parametrize("is_edifact", [False, True])
@given(items=lines, marks=st.sampled_from(["*>~", "|:'", "+:\n", "\x1d\x1f\x1c", "~^}", "+:'"]))
@MANY
def test_every_value_comes_back_deep(is_edifact: bool, items: list[tuple[str, str, str | None]], marks: str) -> None:
    check_values(items, is_edifact=is_edifact, marks=marks)
