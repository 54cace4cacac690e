"""TA1: what is said of the interchange itself, and when."""

from __future__ import annotations

import pytest
from tests.edi.acknowledgments.samples import AT, NUMBERS, a_file, a_group, a_set, answers

from syncline.edi import Profile
from syncline.edi.acknowledgments import written

ASKED = Profile("acme", acknowledge=("functional", "interchange"))
GOOD = a_group(a_set())
TA1 = ("TA1", "000000007", "261102", "1430")


def test_isa14_asks_for_a_ta1() -> None:
    ta1, functional = answers(a_file(GOOD, asks="1"))
    assert (ta1.kind, functional.kind) == ("TA1", "997")
    assert written(ta1, NUMBERS, AT).decode() == (
        "ISA*00*          *00*          *01*SYNCLINE       *ZZ*ACME           "
        "*261103*0605*U*00401*000000012*0*P*:~\nTA1*000000007*261102*1430*A*000~\nIEA*0*000000012~\n"
    )


def test_so_does_the_profile_and_nobody_else() -> None:
    assert [each.kind for each in answers(a_file(GOOD), ASKED)] == ["TA1", "997"]
    assert [each.kind for each in answers(a_file(GOOD))] == ["997"]


@pytest.mark.parametrize(
    ("data", "status", "note"),
    [
        (a_file(GOOD, iea="IEA*1*000000008"), "E", "001"),
        (a_file(GOOD, iea="IEA*2*000000007"), "E", "021"),
        (a_file(GOOD).partition(b"IEA")[0], "E", "023"),
        (a_file(["N9*1", *GOOD]), "E", "024"),
        (a_file(["GE*1*7", *GOOD]), "E", "024"),
        (a_file(GOOD, usage="X"), "R", "020"),
        (a_file(GOOD).replace(b"ACME   ", b"ACME"), "E", "022"),
        (a_file(a_set()), "R", "024"),
        (a_file(["ISX*?", *GOOD]), "R", "003"),
        (a_file(iea="IEA*3*000000007"), "R", "021"),
    ],
    ids=["ISA13", "IEA01", "no IEA", "stray", "GE", "ISA15", "widths", "no GS", "ISX", "empty"],
)
def test_a_defective_interchange_is_told_so_unasked(data: bytes, status: str, note: str) -> None:
    first = answers(data)[0]
    assert (first.kind, first.status, first.segments) == ("TA1", status, ((*TA1, status, note),))


def test_a_stranger_is_refused() -> None:
    known = Profile("acme", senders=("OTHER",))
    ta1, functional = answers(a_file(GOOD), known)
    assert ta1.segments == ((*TA1, "R", "006"),)
    assert (functional.status, functional.segments[1:]) == (
        "R",
        (("AK2", "846", "0001"), ("AK5", "R"), ("AK9", "R", "1", "1", "0")),
    )
    assert answers(a_file(GOOD), Profile("acme", receivers=("OTHER",)))[0].segments == ((*TA1, "R", "009"),)


def test_a_warning_is_noted_for_who_asks_and_refuses_a_strict_one() -> None:
    wrapped = a_file(GOOD).replace(b"20261102*1430~N1", b"2026\n1102*1430~N1")
    assert answers(wrapped, ASKED)[0].segments == ((*TA1, "E", "022"),)
    assert [each.kind for each in answers(wrapped)] == ["997"]
    refused = answers(wrapped, Profile("acme", strictness="strict"))
    assert [(each.kind, each.status) for each in refused] == [("TA1", "R"), ("997", "R")]


def test_a_duplicate_is_known_and_answered_again() -> None:
    ta1, functional = answers(a_file(GOOD), ASKED, frozenset({"000000007"}))
    assert ta1.segments == ((*TA1, "E", "025"),)
    assert functional == answers(a_file(GOOD))[0]
    assert answers(a_file(GOOD), ASKED, frozenset({"000000008"}))[0].segments == ((*TA1, "A", "000"),)
    assert [each.kind for each in answers(a_file(GOOD), duplicates=frozenset({"000000007"}))] == ["997"]


def test_a_ta1_is_not_answered() -> None:
    ta1 = a_file(["TA1*000000001*261102*1430*A*000"], asks="1", iea="IEA*0*000000007")
    broken = a_file(["TA1*000000001*261102*1430*A*000"], asks="1", iea="IEA*1*000000007")
    assert (answers(ta1, ASKED), answers(broken, ASKED)) == ([], [])


def test_a_ta1_beside_a_group_does_not_hide_it() -> None:
    found = answers(a_file(["TA1*000000001*261102*1430*A*000", *GOOD], iea="IEA*1*000000007"))
    assert [each.kind for each in found] == ["997"]


def test_an_empty_interchange_is_answered_when_it_asks() -> None:
    assert answers(a_file(asks="1"))[0].segments == ((*TA1, "A", "000"),)
    assert answers(a_file()) == []


@pytest.mark.parametrize("text", [b"", b"hello", b"ST*846*1~SE*2*1~", b"UNH+1+INVRPT:D:96A:UN'BGM+35'UNT+3+1'"])
def test_text_outside_of_any_interchange_has_nobody_to_answer(text: bytes) -> None:
    assert answers(text, ASKED) == []


def test_the_controls_have_the_version_of_the_partner() -> None:
    (ta1,) = answers(a_file(asks="1").replace(b"*U*00401*", b"*^*00501*"))
    assert b"*^*00501*000000012*0*P*:~\nTA1*" in written(ta1, NUMBERS, AT)
