"""What is written is read again without a finding, with exact counts, whatever a partner wrote."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edi.acknowledgments.samples import (
    AT,
    BIA,
    ITEM,
    MESSAGE,
    NUMBERS,
    a_file,
    a_group,
    a_message,
    a_set,
    an_edifact_file,
    answers,
    body_of,
    read,
)

from syncline.edi import Profile, Reading
from syncline.edi.acknowledgments import (
    Acknowledged,
    Answer,
    Numbers,
    acknowledged_by,
    acknowledged_interchanges,
    written,
)
from syncline.edi.acknowledgments.x12 import ELEMENTS_IN_ERROR_MAX, SEGMENTS_IN_ERROR_MAX
from syncline.edi.units import Collected

EVERYTHING = Profile("acme", acknowledge=("functional", "interchange"))
REAL = next((each / "shared/data/edi" for each in Path(__file__).parents if (each / "shared/data/edi").is_dir()), None)


def statements(reading: Reading) -> list[Acknowledged]:
    around = [each for one in reading.interchanges for each in acknowledged_interchanges(one)]
    return around + [each for one in reading.sets for each in acknowledged_by(one.taken)]


def check(answer: Answer) -> list[Acknowledged]:
    """Write it, read it, and compare what is read with what was meant; the statements."""
    data = written(answer, NUMBERS, AT)
    reading = read(data)
    assert (reading.verdict, [str(each) for each in reading.findings]) == ("accepted", []), data
    (around,) = reading.interchanges
    assert around.is_test is answer.is_test
    assert int(around.control) == NUMBERS.interchange
    assert around.opener is not None
    if answer.syntax == "x12":  # one style: every terminator ends its line
        assert data.count(data[-2:-1]) == data.count(data[-2:]) == data.count(b"\n")
    found = statements(reading)
    if answer.kind == "TA1":
        assert (len(reading.sets), len(around.service), len(found)) == (0, 1, 1)
    else:
        (taken,) = [each.taken for each in reading.sets]
        assert isinstance(taken.body, Collected)
        assert [each.id for each in taken.body.segments] == [each[0] for each in answer.segments]
        assert (taken.type, taken.control.lstrip("0")) == (answer.kind, "1")
    whole = [each for each in found if not each.set_type and not each.set_control]
    chosen = whole[0] if answer.kind == "CONTRL" else whole[-1]
    assert chosen.status == answer.status
    return found


def test_a_997_is_read_as_it_was_meant() -> None:
    bad = a_set("0002", "LIN*1*SK*SKU-1", "QTY*17*12*E-A")
    (answer,) = answers(a_file(a_group(a_set(), bad, a_set("0003", count=2), said=4)))
    notes = ("720 8 at segment 5 QTY", "723 6 at segment 5 QTY03", "718 5")
    assert check(answer) == [
        Acknowledged("997", "IB", "7", "846", "0001", "", "E", True, ()),
        Acknowledged("997", "IB", "7", "846", "0002", "", "E", True, notes),
        Acknowledged("997", "IB", "7", "846", "0003", "", "R", False, ("718 4",)),
        Acknowledged("997", "IB", "7", "", "", "", "P", False, ("716 5",)),
    ]


def test_a_999_is_read_as_it_was_meant() -> None:
    bad = a_set("0001", header="BIA*00*SI**20261102")
    (answer,) = answers(a_file(a_group(bad, version="005010")))
    notes = ("720 8 at segment 2 BIA", "723 1 at segment 2 BIA03", "718 5")
    assert check(answer) == [
        Acknowledged("999", "IB", "7", "846", "0001", "", "R", False, notes),
        Acknowledged("999", "IB", "7", "", "", "", "R", False, ()),
    ]


def test_a_contrl_is_read_as_it_was_meant() -> None:
    bad = a_message("2", "BGM+35++9", *MESSAGE[1:], "QTY+145:a:PCE")
    (answer,) = answers(an_edifact_file(a_message(), bad, a_message("3", count=2)))
    notes = ("0085 13 at segment 2 02", "0085 12 at segment 7 01-2")
    assert check(answer) == [
        Acknowledged("CONTRL", "", "", "", "", "77", "7", True, ()),
        Acknowledged("CONTRL", "", "", "INVRPT", "1", "77", "7", True, ()),
        Acknowledged("CONTRL", "", "", "INVRPT", "2", "77", "4", False, notes),
        Acknowledged("CONTRL", "", "", "INVRPT", "3", "77", "4", False, ("0085 29 at UNT01",)),
    ]


def test_a_ta1_is_read_as_it_was_meant() -> None:
    ta1, functional = answers(a_file(a_group(a_set()), iea="IEA*1*000000008"))
    assert check(ta1) == [Acknowledged("TA1", "", "", "", "", "000000007", "E", True, ("I18 001",))]
    assert check(functional)[-1].status == "E"


@pytest.mark.parametrize(
    "party", ["AC*ME", "AC~ME", "AC:ME", "A*C~M:E", "*|+~!:>", "*|+&#~!`:><\\", "ÅCME", "AC\x00ME", "ACME" * 9, "A^B"]
)
def test_a_party_may_be_named_after_our_separators(party: str) -> None:
    source = answers(a_file(a_group(a_set())), EVERYTHING)
    for answer in (replace(each, receiver=party, group_receiver=party, sender=party) for each in source):
        check(answer)
        (around,) = read(written(answer, NUMBERS, AT)).interchanges
        if party.isascii() and party.isprintable() and len(party) < 9 and "^" not in party:
            assert (around.sender, around.receiver) == (party, party)
    (contrl,) = answers(an_edifact_file(a_message()))
    check(replace(contrl, receiver=party, receiver_qualifier="'?+"))


def test_separators_stay_the_standard_ones_for_everybody_else() -> None:
    hostile = a_file(a_group(a_set("0001", "LIN*1*SK*SKU-1", "QTY*17*12*~a|b^c:d"), control="7:^8"))
    (answer,) = answers(hostile.replace(b"~", b"\n").replace(b"\na|", b"~a|"))
    assert body_of(written(answer, NUMBERS, AT))[:4] == [
        "AK1*IB*7.^8", "AK2*846*0001", "AK3*QTY*5**8", "AK4*3**6*.a|b^c.d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        ("E-A", "E-A"),
        ("x" * 35 + "!", ""),
        ("x" * 36, ""),
        ("a\x07b", ""),
        ("\u202egnp", ""),
        ("A\u00e9", ""),
        ("ISA-00---------------", ".SA-00---------------"),
        ("ISA ISA|00||||", "ISA .SA|00||||"),
    ],
)
def test_a_bad_value_is_given_back_when_it_is_short_and_plain(value: str, copy: str) -> None:
    (answer,) = answers(a_file(a_group(a_set("0001", "LIN*1*SK*SKU-1", f"QTY*17*{value}*EA"))))
    check(answer)
    (ak4,) = [each for each in body_of(written(answer, NUMBERS, AT)) if each.startswith("AK4")]
    assert ak4 == (f"AK4*2**6*{copy}" if copy else "AK4*2**6")


def test_hostile_control_numbers_and_names_stay_values() -> None:
    sets = a_set("00'?+1", "LIN*1*SK*A", "QTY*17*x*EA", st="84\u20286")
    (answer,) = answers(a_file(a_group(sets, control="ISA-00-------------", code="A'\u0301")))
    check(answer)
    message = [each.replace("INVRPT", "IN?'??V") for each in a_message("1?+2?'")]
    (contrl,) = answers(an_edifact_file(message))
    found = check(contrl)
    assert [(each.set_type, each.set_control) for each in found[1:]] == [("IN'?V", "1+2'")]


def test_what_is_missing_is_filled_where_the_answer_must_have_it() -> None:
    ta1, functional = answers(a_file(a_group(a_set("", st=""), control="")).replace(b"000000007", b" " * 9))
    assert ta1.segments[0][1] == "000000000"
    assert functional.segments[:2] == (("AK1", "IB", "0"), ("AK2", "000", "0000"))
    check(ta1)
    check(functional)


def test_many_errors_are_told_up_to_a_limit() -> None:
    body = [each for n in range(400) for each in (f"LIN*{n}*SK*SKU-{n}", "QTY*17*x*EA")]
    (answer,) = answers(a_file(a_group(a_set("0001", *body))))
    assert sum(each[0] == "AK3" for each in answer.segments) == SEGMENTS_IN_ERROR_MAX
    check(answer)
    ids = "*".join(f"SK*{chr(7)}{n}" for n in range(30))
    (answer,) = answers(a_file(a_group(a_set("0001", f"LIN*1*{ids}", "QTY*17*1*EA"))))
    assert sum(each[0] == "AK4" for each in answer.segments) == ELEMENTS_IN_ERROR_MAX
    check(answer)


def test_many_sets_with_errors_are_told_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncline.edi.acknowledgments.x12.SEGMENTS_IN_ERROR_MAX_OF_ALL", 5)
    bad = [a_set(str(n), *["LIN*1*SK*A", "QTY*17*x*EA"] * 2) for n in range(4)]
    (answer,) = answers(a_file(a_group(*bad)))
    assert sum(each[0] == "AK3" for each in answer.segments) == 5
    assert [each[1:] for each in answer.segments if each[0] == "AK5"] == [("E", "5")] * 3 + [("E",)]


@pytest.mark.parametrize("number", [0, -1, 1_000_000_000])
def test_a_control_number_fits(number: int) -> None:
    with pytest.raises(ValueError, match=f"control number {number} of the group"):
        Numbers(1, number)


def test_numbers_are_written_where_they_belong() -> None:
    answer = answers(a_file(a_group(a_set())))[0]
    text = written(answer, Numbers(999_999_999, 5, 21), AT).decode()
    assert re.findall(r"\*(999999999)\b", text) == ["999999999"] * 2
    assert "*0605*5*X*" in text
    assert "ST*997*0021~" in text
    assert text.endswith("SE*6*0021~\nGE*1*5~\nIEA*1*999999999~\n")


def _spoiled(rng: random.Random, data: bytes) -> bytes:
    """``data`` with a few bytes, segments or elements changed, as broken senders do."""
    end = b"~" if data.startswith(b"ISA") else b"'"
    head, *parts = data.split(end)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(parts))
        kind = rng.randrange(5)
        if kind == 0:
            del parts[at : at + 1]
        elif kind == 1:
            parts.insert(at, rng.choice([*parts, b"ISA*00*", b"UNB+UNOC:3", b"TA1*1*2*3*R*001", b"?", b"*"]))
        elif kind == 2 and parts[at]:
            spot = rng.randrange(len(parts[at]))
            parts[at] = parts[at][:spot] + bytes([rng.randrange(256)]) + parts[at][spot + 1 :]
        elif kind == 3:
            parts[at] += rng.choice([b"*", b"+"]) + rng.choice([b"'", b"~", b"\xff\x00", b"ISA|00|", b"^"])
        else:
            parts = parts[: at + 1]
        parts = parts or [b""]
    return end.join([head, *parts])


def _spoiled_files(seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    lines = ("LIN*1*SK*A", "QTY*17*1*EA", "QTY*27*2*E-A")
    group = a_group(a_set(), a_set("0002", *lines), a_set("0003", header=f"{BIA}*"))
    whole = [
        a_file(group, a_group(a_set("1", *ITEM, *ITEM), control="8", version="005010"), asks="1"),
        an_edifact_file(a_message(), a_message("2"), a_message("3", *MESSAGE, *MESSAGE[3:])),
    ]
    for _ in range(120):
        yield _spoiled(rng, rng.choice(whole))


@pytest.mark.parametrize("seed", range(5))
def test_answers_to_broken_files_are_whole(seed: int) -> None:
    profiles = [EVERYTHING, replace(EVERYTHING, strictness="strict")]
    made = [each for data in _spoiled_files(seed) for profile in profiles for each in answers(data, profile)]
    assert {each.kind for each in made} == {"997", "999", "TA1", "CONTRL"}
    assert len({each.status for each in made}) > 4
    for answer in made:
        check(answer)


@pytest.mark.skipif(REAL is None, reason="the real files are not beside the project")
def test_real_files_are_answered_in_whole_files() -> None:
    assert REAL is not None
    kinds = set()
    for path in sorted(REAL.glob("*__*")):
        made = answers(path.read_bytes(), EVERYTHING)
        is_acknowledgment = path.name.startswith(("997", "999", "CONTRL"))
        assert bool(made) is not is_acknowledgment, path.name
        kinds |= {answer.kind for answer in made}
        for answer in made:
            check(answer)
    assert kinds >= {"997", "TA1", "CONTRL"}
