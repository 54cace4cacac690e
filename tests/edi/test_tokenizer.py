"""Bytes to segments: any separators, any place where a block ends, exact positions, and never an exception."""

from __future__ import annotations

import io
import random

import pytest

from syncline.edi import tokenizer
from syncline.edi.blocks import Segment
from syncline.edi.delimiters import Delimiters, of_isa, of_una
from syncline.edi.findings import Finding
from syncline.edi.tokenizer import segments

ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       *261102*1430*{version}*000000007*0*P*>{end}"
UNB = "UNB+UNOC:3+ACME+SYNCLINE+261102:1430+7"


def isa(end: str = "~", element: str = "*", version: str = "U*00401") -> str:
    return ISA.format(end=end, version=version).replace("*", element)


def read(data: str | bytes, encoding: str = "utf-8") -> list[Segment | Delimiters | Finding]:
    return list(segments(data.encode(encoding) if isinstance(data, str) else data))


def elements(data: str | bytes, encoding: str = "utf-8") -> list[list[str]]:
    return [item.elements for item in read(data, encoding) if isinstance(item, Segment)]


@pytest.mark.parametrize(
    "end", ["~", "~\n", "~\r\n", "~\n    ", "\n", "\r\n", "\r", "'", "!", "|", "\x15", "…", "~\r\n\r\n"]
)
@pytest.mark.parametrize("element", ["*", "+", "\x1d"])
def test_separators_are_read_from_the_isa(end: str, element: str) -> None:
    text = isa(end[0], element) + end[1:] + f"GS{element}IB{end}IEA{element}1{element}7{end}"
    assert elements(text)[1:] == [["GS", "IB"], ["IEA", "1", "7"]]


def test_what_is_written_is_what_is_read_at_its_byte() -> None:
    text = "\ufeff" + isa() + "N1*WH*Lager Köln~\r\nN1*WH*倉庫~IEA*1*7~" + "\n" + isa("\n") + "N1*WH*ß\nIEA*1*7"
    data = text.encode()
    found = [item for item in read(data) if isinstance(item, Segment)]
    assert [item.elements[-1] for item in found] == [">", "Lager Köln", "倉庫", "7", ">", "ß", "7"]
    assert [item.number for item in found] == [1, 2, 3, 4, 5, 6, 7]
    assert all(data[item.offset :].startswith(item.id.encode()) for item in found)


def test_latin_1_is_read_where_utf_8_is_not_there() -> None:
    assert elements(isa() + "N1*WH*Köln~IEA*1*7~", "latin-1")[1] == ["N1", "WH", "Köln"]


@pytest.mark.parametrize(
    ("isa_11_12", "repetition"), [("U*00401", ""), ("^*00403", "^"), ("U*00501", ""), ("^*00401", ""), (" *00401", "")]
)
def test_isa_11_is_a_separator_only_in_later_versions(isa_11_12: str, repetition: str) -> None:
    found = of_isa(isa(version=isa_11_12))
    assert found is not None
    assert found.repetition == repetition
    assert found.remarks == ()


def test_an_isa_without_its_blanks_is_read_and_known() -> None:
    found = of_isa("ISA*00* *00* *16*054481205NPPT *16*123456789NPPT\n*010614*1200*U*00300*000000003*1*T*@!\nGS")
    assert found is not None
    assert (found.component, found.terminator, found.remarks == ()) == ("@", "!", False)


@pytest.mark.parametrize(
    ("advice", "terminator"),
    [
        ("UNA:+.? '", "'"), ("UNA:+.?'", "'"), ("UNA:+.?'\r\n", "'"), ("UNA:+.? \r\n", "\r"), ("UNA:+.? \n", "\n"),
        ("UNA:+,?*'\n", "'"), ("", "'"),
    ],
)  # fmt: skip
def test_a_service_string_advice_may_lack_its_blank_or_end_in_a_break(advice: str, terminator: str) -> None:
    found = of_una(f"{advice}{UNB}{terminator}UNH+1")
    assert found is not None
    delimiters, taken = found
    assert (delimiters.element, delimiters.component, delimiters.release) == ("+", ":", "?")
    assert delimiters.terminator == terminator
    assert taken == len(advice)
    assert delimiters.decimal == ("," if "," in advice else ".")


def test_lines_may_end_segments_without_an_advice() -> None:
    assert elements(f"{UNB}\nUNH+1+CONTRL:D:3:UN\nUNT+2+1\nUNZ+1+7")[-1] == ["UNZ", "1", "7"]


def test_a_released_separator_is_text() -> None:
    text = f"{UNB}'UNH+1+INVRPT:D:96A:UN'FTX+AAI+++it?'s 5?+5?:1 ??'NAD+WH+a??:b'UNT+4+1'UNZ+1+7'"
    found = [item for item in read(text) if not isinstance(item, Finding)]
    delimiters = found[0]
    assert isinstance(delimiters, Delimiters)
    note, place = (item for item in found if isinstance(item, Segment) and item.id in ("FTX", "NAD"))
    assert delimiters.components(note.elements[4]) == ["it's 5+5:1 ?"]
    assert delimiters.components(place.elements[2]) == ["a?", "b"]


def test_interchanges_of_both_kinds_and_other_separators_follow_each_other() -> None:
    text = f"{isa()}GS*IB~IEA*1*7~{isa('!', '|')}GS|IB!IEA|1|7!UNA:+.? '{UNB}'UNZ+0+7'{UNB}'UNZ+0+7'{isa()}IEA*0*7~"
    assert [item.syntax for item in read(text) if isinstance(item, Delimiters)] == ["x12"] * 2 + ["edifact"] * 2 + [
        "x12"
    ]
    assert len(elements(text)) == 12


def test_a_new_beginning_ends_an_interchange_that_was_cut() -> None:
    text = f"{isa()}GS*IB~{isa('!', '|')}GS|SH!IEA|1|7!"
    assert elements(text)[1::2] == [["GS", "IB"], ["GS", "SH"]]


@pytest.mark.parametrize("seed", range(60))
def test_where_a_block_ends_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    e, t, begin, end = rng.choice([("*", "~", isa(), "IEA*0*7"), ("+", "'", f"{UNB}'", "UNZ+0+7")])
    between = rng.choice(["", "\n", "\r\n", "  "])
    words = ["", " ", "A", "12.5", "x y", "ISAAC", "UNBOUND", "IEA", "~" if t == "'" else "'", "long" * 30]
    wanted = [
        [rng.choice(["LIN", "QTY", "N1", "FTX"]), *rng.choices(words, k=rng.randint(0, 5))]
        for _ in range(rng.randint(0, 80))
    ]
    data = between.join([begin, *(e.join(row) + t for row in wanted), end + t]).encode()
    monkeypatch.setattr(tokenizer, "READ_BYTES", rng.randint(1, 3_000))
    monkeypatch.setattr(tokenizer, "SPLIT_AT_ONCE", rng.randint(1, 20))
    if rng.random() < 0.5:
        monkeypatch.setattr(tokenizer._Tokenizer, "_plain", lambda *_: None)
    found = [item for item in segments(io.BytesIO(data)) if isinstance(item, Segment)]
    assert [item.elements for item in found[1:-1]] == wanted, f"seed {seed}"
    assert [item.number for item in found] == list(range(1, len(found) + 1))
    assert all(data[item.offset :].startswith(item.id.encode()) for item in found)


@pytest.mark.parametrize("seed", range(20))
def test_no_bytes_raise_or_go_on_for_ever(seed: int) -> None:
    rng = random.Random(seed)
    x12 = f"{isa()}GS*IB~ST*846*1~QTY*17*5~SE*3*1~GE*1*1~IEA*1*7~"
    good = f"{x12}UNA:+.? '{UNB}'UNH+1+INVRPT:D:96A:UN'UNT+2+1'UNZ+1+7'".encode()
    for _ in range(50):
        data = bytearray(good * rng.randint(1, 3))
        for _ in range(rng.randint(1, 12)):
            at = rng.randrange(len(data))
            if rng.random() < 0.5:
                del data[at : at + rng.randint(1, 30)]
            data[at:at] = rng.choice([b"~", b"'", b"?", b"ISA*", b"UNB+", b"\xff", b"\n", bytes([rng.randrange(256)])])
        found = read(bytes(data))
        assert len(found) <= len(data), f"seed {seed}"


@pytest.mark.parametrize(
    "data",
    [
        b"ISA*" * 100_000,
        b"UNB+" * 100_000,
        b"ISA" * 100_000,
        b"UNA:+" * 100_000,
        b"x" * 500_000,
        b"UNB+" + b"?'" * 200_000,
    ],
)
def test_a_flood_of_beginnings_is_few_defects(data: bytes) -> None:
    found = read(data)
    assert 1 <= len(found) <= 10
    assert any(isinstance(item, Finding) for item in found)


def test_a_segment_that_does_not_end_is_one_defect_and_reading_goes_on() -> None:
    text = f"{isa()}GS*IB~ST*846*1~PID*{'A' * 1_000_000}~QTY*17*5~IEA*1*7~"
    found = read(text)
    (fault,) = (item for item in found if isinstance(item, Finding))
    assert (fault.code, fault.segment_id, fault.segment_no) == ("segment_too_long", "PID", 4)
    assert elements(text)[-2:] == [["QTY", "17", "5"], ["IEA", "1", "7"]]
