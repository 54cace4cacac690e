"""What partners say of ours: hand-written acknowledgments, and real ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edi.acknowledgments.samples import a_file, a_group, a_set, an_edifact_file, read

from syncline.edi.acknowledgments import Acknowledged, acknowledged_by, acknowledged_interchanges

REAL = next((each / "shared/data/edi" for each in Path(__file__).parents if (each / "shared/data/edi").is_dir()), None)


def said(data: bytes) -> list[Acknowledged]:
    return [each for one in read(data).sets for each in acknowledged_by(one.taken)]


def a_997(*body: str) -> bytes:
    return a_file(a_group(["ST*997*0001", *body, f"SE*{len(body) + 2}*0001"], code="FA"))


def a_contrl(*body: str) -> bytes:
    return an_edifact_file(["UNH+1+CONTRL:D:3:UN", *body, f"UNT+{len(body) + 2}+1"])


def test_a_group_alone_may_be_acknowledged() -> None:
    assert said(a_997("AK1*OW*000000031", "AK9*A*2*2*2")) == [
        Acknowledged("997", "OW", "000000031", "", "", "", "A", True, ())
    ]


def test_sets_come_before_their_group_with_codes_and_places() -> None:
    body = ["AK1*OW*31", "AK2*940*0001", "AK5*E", "AK2*940*0002", "AK3*W05*2**8", "AK4*2>1*324*1*our secret"]
    first, second, group = said(a_997(*body, "AK4*10**7", "AK5*R*5*4", "AK9*P*2*2*1*5"))
    assert (first.set_control, first.status, first.is_accepted, first.notes) == ("0001", "E", True, ())
    notes = ("720 8 at segment 2 W05", "723 1 at segment 2 W0502-1", "723 7 at segment 2 W0510", "718 5", "718 4")
    assert second == Acknowledged("997", "OW", "31", "940", "0002", "", "R", False, notes)
    assert group == Acknowledged("997", "OW", "31", "", "", "", "P", False, ("716 5",))


@pytest.mark.parametrize(("status", "is_accepted"), [("A", True), ("E", True), *((each, False) for each in "MPRWX")])
def test_only_a_and_e_accept(status: str, is_accepted: bool) -> None:
    assert [each.is_accepted for each in said(a_997("AK1*OW*1", f"AK9*{status}*1*1*1"))] == [is_accepted]


def test_a_set_without_an_answer_is_not_accepted() -> None:
    first, second, _ = said(a_997("AK1*OW*1", "AK2*940*1", "AK2*940*2", "AK5*A", "AK9*A*2*2*2"))
    assert (first.status, first.is_accepted, second.status) == ("", False, "A")


def test_segments_out_of_place_say_nothing() -> None:
    assert said(a_997("AK3*W05*2**8", "AK5*R*5", "AK4*1**1")) == []
    assert said(a_contrl("UCS+1+13", "UCD+13+2")) == []
    assert said(a_file(a_group(a_set()))) == []


def test_hostile_text_is_cut_and_printable() -> None:
    long = "9" * 500
    (found, _) = said(a_997(f"AK1*OW\x07*{long}", f"AK2*940{long}*\u202e1", *["AK3*W\x07*2**8"] * 300, "AK9*A*1*1*1"))
    assert (found.group_code, found.group_control) == ("OW.", "9" * 20)
    assert (found.set_type, found.set_control) == ("940999", ".1")
    assert len(found.notes) == 100
    assert found.notes[0] == "720 8 at segment 2 W."


def test_a_contrl_speaks_of_interchange_messages_and_groups() -> None:
    found = said(
        a_contrl(
            "UCI+77?+1+SYNCLINE:ZZ+ACME:14+7", "UCM+1+INVRPT:D:96A:UN+7", "UCM+2+DESADV:D:96A:UN+4+29+UNT+2",
            "UCS+3+15", "UCS+4", "UCD+12+2:1", "UCF+G1+A+B+4+28+UNE+3", "UCM+3+INVRPT:D:96A:UN+4",
        )
    )  # fmt: skip
    notes = ("0085 29 at UNT01", "0085 15 at segment 3", "0085 12 at segment 4 01-1")
    assert found == [
        Acknowledged("CONTRL", "", "", "", "", "77+1", "7", True, ()),
        Acknowledged("CONTRL", "", "", "INVRPT", "1", "77+1", "7", True, ()),
        Acknowledged("CONTRL", "", "", "DESADV", "2", "77+1", "4", False, notes),
        Acknowledged("CONTRL", "", "G1", "", "", "77+1", "4", False, ("0085 28 at UNE02",)),
        Acknowledged("CONTRL", "", "G1", "INVRPT", "3", "77+1", "4", False, ()),
    ]


def test_received_is_no_rejection() -> None:
    assert [each.is_accepted for each in said(a_contrl("UCI+1+A+B+8"))] == [True]


def test_ta1_segments_speak_of_interchanges() -> None:
    body = ["TA1*000000005*261102*1430*R*025", "TA1*000000006*261102*1430*A*000"]
    (around,) = read(a_file(body, iea="IEA*0*000000007")).interchanges
    assert acknowledged_interchanges(around) == [
        Acknowledged("TA1", "", "", "", "", "000000005", "R", False, ("I18 025",)),
        Acknowledged("TA1", "", "", "", "", "000000006", "A", True, ()),
    ]


# File -> TA1 statements, set statements: (code, group, set, control, status), notes of the first with any.
REAL_STATEMENTS = {
    "997__bots-edi__bots-plugins__997__997_3.x12": (
        [],
        [*[("PO", "100001", "850", f"000{n}", "A") for n in range(1, 5)], ("PO", "100001", "", "", "A")],
        (),
    ),
    "997__bots-edi__bots-plugins__997__997_7.x12": (
        [],
        [*[("PO", "1000", "850", f"1000000{n}", "A") for n in (1, 2)], ("PO", "1000", "", "", "A")],
        (),
    ),
    "997__bots-edi__bots-plugins__x12__testx12002.x12.base": (
        [("000484889", "R", ("I18 015",))],
        [("HC", "1", "837", "300145997", "R"), ("HC", "1", "", "", "R")],
        ("718 3", "718 7"),
    ),
    "997__bots-edi__bots-plugins__x12__testx12007.x12.base": (
        [],
        [("HC", "1", "837", "300145997", "A"), ("HC", "1", "", "", "A")],
        (),
    ),
    "997__kputnam__stupidedi__pass__1.edi": (
        [],
        [("AG", "160", "824", "0160", "A"), ("AG", "160", "", "", "A")],
        (),
    ),
    "999__cosyte__x12__ack__999-accept-with-errors.edi": (
        [],
        [("HC", "2", "837", "0002", "E"), ("HC", "2", "", "", "E")],
        ("720 8 at segment 8 NM1", "723 7 at segment 8 NM101-2"),
    ),
    "CONTRL__Effektor__EDIFACT__edge-cases__contrl_version3_iway.edi": ([], [("", "", "", "", "4")], ()),
}


@pytest.mark.skipif(REAL is None, reason="the real files are not beside the project")
@pytest.mark.parametrize("name", REAL_STATEMENTS)
def test_real_acknowledgments(name: str) -> None:
    assert REAL is not None
    interchanges, sets, notes = REAL_STATEMENTS[name]
    reading = read((REAL / name).read_bytes())
    around = [each for one in reading.interchanges for each in acknowledged_interchanges(one)]
    assert [(each.interchange, each.status, each.notes) for each in around] == interchanges
    found = said((REAL / name).read_bytes())
    assert [
        (each.group_code, each.group_control, each.set_type, each.set_control, each.status) for each in found
    ] == sets
    assert next((each.notes for each in found if each.notes), ()) == notes
    assert all(each.is_accepted == (each.status in ("A", "E", "7")) for each in found)
