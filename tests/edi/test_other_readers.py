"""Beside pyx12 and pydifact: on what a standard allows, three readers see the same segments and values.

Where they are known to differ, and why ours does what it does (each has its test here):

| input | the other reader | ours |
|---|---|---|
| X12: ISA12 other than 00401 and 00501 | pyx12 refuses the file | reads it |
| X12: two terminators behind each other | pyx12 ends there | passes over the empty segment, with a warning |
| X12: no terminator behind the last segment | pyx12 drops that segment | reads it, with a warning |
| X12: a second interchange with other separators | pyx12 drops it or takes it for one segment | reads both |
| EDIFACT: a UNA only before the second interchange | pydifact drops the first one | reads both |
| EDIFACT: counts and references of UNT and UNZ | pydifact does not compare them | a finding |
"""

from __future__ import annotations

import io
import logging
from random import Random

import pytest
import pyx12.errors
import pyx12.x12file
from hypothesis import given, settings
from hypothesis import strategies as st
from pydifact.exceptions import EDISyntaxError
from pydifact.parser import Parser
from tests.edi.interchanges import codes, edifact, read, x12
from tests.edi.test_round_trips import MARKS, pieces_of

from syncline.edi.blocks import Segment
from syncline.edi.delimiters import Delimiters
from syncline.edi.tokenizer import segments
from syncline.twin.edi.generate import generate
from syncline.twin.edi.model import EDIFACT_KINDS, X12_KINDS

# It has no directory of D.96A, and so checks no element: what is compared are segments and values.
pytestmark = pytest.mark.filterwarnings("ignore:segments.xml not found")

SOME = settings(derandomize=True, max_examples=25, deadline=None, database=None)
DEEP = settings(derandomize=False, max_examples=400, deadline=None, database=None, print_blob=True)
Rows = list[list[list[str]]]  # segments, elements, components


def ours(data: bytes) -> Rows:
    """Segments as lists of elements, each a list of components; ISA16 is a separator, not a value."""
    rows: Rows = []
    delimiters = None
    for item in segments(data):
        if isinstance(item, Delimiters):
            delimiters = item
        elif isinstance(item, Segment):
            assert delimiters is not None
            split = [[each] for each in item.elements]
            rows.append(split if item.id == "ISA" else [delimiters.components(each) for each in item.elements])
    return _trimmed(rows)


def of_pyx12(text: str) -> Rows:
    rows: Rows = []
    with pyx12.x12file.X12Reader(io.StringIO(text)) as reader:
        for segment in reader:
            elements = [[part.get_value() for part in each.elements] for each in segment.elements]
            rows.append([[segment.get_seg_id()], *elements])
    return _trimmed(rows)


def of_pydifact(text: str) -> Rows:
    rows: Rows = []
    for segment in Parser().parse(text):
        if segment.tag != "UNA":
            parts = [each if isinstance(each, list) else [each] for each in segment.elements]
            rows.append([[segment.tag], *parts])
    return _trimmed(rows)


def _trimmed(rows: Rows) -> Rows:
    """Empty components and elements at an end say nothing."""
    for row in rows:
        for element in row:
            while len(element) > 1 and not element[-1]:
                element.pop()
        while row[-1] == [""]:
            row.pop()
    return rows


def check_x12(kind: str, seed: int, marks: list[str], line_end: str) -> None:
    draw = Random(seed)
    pieces = pieces_of(kind, [generate(draw, kind) for _ in range(draw.randint(1, 3))], marks, draw)
    text = "".join(f"{each.text}{each.terminator}{line_end}" for each in pieces)
    assert ours(text.encode()) == of_pyx12(text)


def check_edifact(kind: str, seed: int, marks: list[str], line_end: str) -> None:
    draw = Random(seed)
    pieces = pieces_of(kind, [generate(draw, kind) for _ in range(draw.randint(1, 3))], marks, draw)
    text = "".join(f"{each.text}{each.terminator}{line_end}" for each in pieces)
    assert ours(text.encode()) == of_pydifact(text)


# pyx12 reads by lines and pydifact checks its separators: control characters and marks of ours are out of their scope.
PLAIN_MARKS = [each for each in MARKS if each.isascii() and each.isprintable()]
drawn = {
    "seed": st.integers(0, 2**32),
    "marks": st.lists(st.sampled_from(PLAIN_MARKS), min_size=3, max_size=3, unique=True),
    "line_end": st.sampled_from(["", "\n", "\r\n"]),
}
OF_X12 = [kind for kind in X12_KINDS if kind != "TA1"]


@pytest.mark.parametrize("kind", OF_X12)
@given(**drawn)
@SOME
def test_pyx12_sees_the_same(kind: str, seed: int, marks: list[str], line_end: str) -> None:
    check_x12(kind, seed, marks, line_end)


@pytest.mark.parametrize("kind", EDIFACT_KINDS)
@given(**drawn)
@SOME
def test_pydifact_sees_the_same(kind: str, seed: int, marks: list[str], line_end: str) -> None:
    check_edifact(kind, seed, marks, line_end)


@pytest.mark.deep
@pytest.mark.parametrize("kind", OF_X12)
@given(**drawn)
@DEEP
def test_pyx12_sees_the_same_deep(kind: str, seed: int, marks: list[str], line_end: str) -> None:
    check_x12(kind, seed, marks, line_end)


@pytest.mark.deep
@pytest.mark.parametrize("kind", EDIFACT_KINDS)
@given(**drawn)
@DEEP
def test_pydifact_sees_the_same_deep(kind: str, seed: int, marks: list[str], line_end: str) -> None:
    check_edifact(kind, seed, marks, line_end)


words = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1, max_size=12)


@given(values=st.lists(st.lists(words, min_size=1, max_size=4), min_size=1, max_size=6))
@SOME
def test_pydifact_releases_the_same(values: list[list[str]]) -> None:
    released = {ord(each): f"?{each}" for each in "+:?'"}
    said = "+".join(":".join(part.translate(released) for part in element) for element in values)
    data = edifact("INVRPT", [f"FTX+{said}"])
    assert ours(data) == of_pydifact(data.decode())
    assert [["FTX"], *values] in ours(data)


# Where they differ --------------------------------------------------------------------------------------------------

BODY = ["BIA*00*SI*R*20261102", "N1*WH**92*DC3", "LIN**SK*A", "QTY*17*5*EA"]
MESSAGE = ["BGM+35+R+9", "DTM+366:20261102:102", "NAD+WH+DC3::92", "LIN+1++A:SA", "QTY+145:5:PCE"]


def test_pyx12_knows_two_versions_of_the_envelope() -> None:
    data = x12("846", BODY).replace(b"*00401*", b"*00403*")
    with pytest.raises(pyx12.errors.X12Error):
        of_pyx12(data.decode())
    assert len(ours(data)) == len(BODY) + 6


def test_pyx12_ends_at_an_empty_segment() -> None:
    data = x12("846", BODY).replace(b"~LIN", b"~~LIN")
    assert len(of_pyx12(data.decode())) < len(ours(data)) == len(BODY) + 6
    assert codes(read(data)) == []


def test_pyx12_drops_an_unterminated_end() -> None:
    data = x12("846", BODY)[:-1]
    assert len(of_pyx12(data.decode())) == len(ours(data)) - 1 == len(BODY) + 5


def test_pyx12_drops_an_interchange_with_other_separators() -> None:
    other = x12("846", BODY, control=8).replace(b"*", b"|").replace(b"~", b"!")
    data = x12("846", BODY) + other
    assert len(of_pyx12(data.decode())) <= len(BODY) + 7
    assert len(ours(data)) == 2 * (len(BODY) + 6)


def test_pydifact_drops_what_stands_before_a_una(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    data = edifact("INVRPT", MESSAGE) + b"UNA:+.? '" + edifact("INVRPT", MESSAGE, control=8)
    assert len(of_pydifact(data.decode())) == len(MESSAGE) + 4
    assert len(ours(data)) == 2 * (len(MESSAGE) + 4)


def test_pydifact_compares_no_counts() -> None:
    data = edifact("INVRPT", MESSAGE).replace(b"UNT+7", b"UNT+9")
    assert ours(data) == of_pydifact(data.decode())
    assert codes(read(data)) == ["set_count"]


def test_an_unreadable_advice_is_an_error_of_theirs_and_a_finding_of_ours() -> None:
    data = b"UNA+++++'" + edifact("INVRPT", MESSAGE)
    with pytest.raises((EDISyntaxError, ValueError)):
        of_pydifact(data.decode())
    assert codes(read(data))
