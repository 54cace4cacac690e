"""997 and 999: each set and group as people would acknowledge them by hand."""

from __future__ import annotations

import pytest
from tests.edi.acknowledgments.samples import (
    AT,
    BIA,
    ITEM,
    NUMBERS,
    a_file,
    a_group,
    a_set,
    answers,
    lines,
)

from syncline.edi import Profile
from syncline.edi.acknowledgments import written

GOOD = a_set()
TAIL = "GE*1*34~\nIEA*1*000000012~\n"


def test_all_good_is_a_997_with_its_envelope() -> None:
    (answer,) = answers(a_file(a_group(GOOD, a_set("0002"))))
    assert (answer.kind, answer.status, answer.interchange, answer.is_test) == ("997", "A", "000000007", False)
    assert (answer.group_code, answer.group_control) == ("IB", "7")
    assert written(answer, NUMBERS, AT).decode() == (
        "ISA*00*          *00*          *01*SYNCLINE       *ZZ*ACME           "
        "*261103*0605*U*00401*000000012*0*P*:~\n"
        "GS*FA*SYNCAPP*ACMEAPP*20261103*0605*34*X*004010~\nST*997*0001~\nAK1*IB*7~\n"
        "AK2*846*0001~\nAK5*A~\nAK2*846*0002~\nAK5*A~\nAK9*A*2*2*2~\nSE*8*0001~\n" + TAIL
    )


def test_a_wrong_segment_count_rejects_one_set_of_two() -> None:
    assert lines(a_file(a_group(GOOD, a_set("0002", count=9)))) == [
        "AK1*IB*7", "AK2*846*0001", "AK5*A", "AK2*846*0002", "AK5*R*4", "AK9*P*2*2*1",
    ]  # fmt: skip


def test_a_missing_mandatory_element_has_its_place() -> None:
    bad = a_set("0001", header="BIA*00*SI**20261102*1430")
    assert lines(a_file(a_group(bad))) == [
        "AK1*IB*7", "AK2*846*0001", "AK3*BIA*2**8", "AK4*3**1", "AK5*R*5", "AK9*R*1*1*0",
    ]  # fmt: skip


def test_a_line_that_is_kept_out_leaves_its_set_accepted_with_errors() -> None:
    bad = a_set("0001", "LIN*1*SK*SKU-1", "QTY*17*12*E-A", "QTY*27*a lot*EA", *ITEM)
    assert lines(a_file(a_group(bad))) == [
        "AK1*IB*7", "AK2*846*0001", "AK3*QTY*5**8", "AK4*3**6*E-A", "AK3*QTY*6**8", "AK4*2**6*a lot", "AK5*E*5",
        "AK9*E*1*1*1",
    ]  # fmt: skip


def test_two_errors_of_a_segment_share_its_ak3() -> None:
    bad = a_set("0001", "LIN*1*SK*SKU-1", "QTY*17*twelve*E-A")
    assert lines(a_file(a_group(bad)))[2:5] == ["AK3*QTY*5**8", "AK4*2**6*twelve", "AK4*3**6*E-A"]


def test_a_set_without_its_header_misses_it_where_it_should_be() -> None:
    bad = a_set("0001", "N1*WH**92*DC3", *ITEM, header="")
    assert lines(a_file(a_group(bad)))[1:] == [
        "AK2*846*0001", "AK3*BIA*2**3", "AK5*R*5", "AK9*R*1*1*0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sets", "said", "expected"),
    [
        ([GOOD], 2, ["AK5*E", "AK9*E*2*1*1*5"]),
        ([GOOD[:-1]], 1, ["AK5*R*2", "AK9*R*1*1*0"]),
        ([[*GOOD[:-1], "SE*7*0002"]], 1, ["AK5*R*3", "AK9*R*1*1*0"]),
        ([a_set("")], 1, ["AK5*R*7*3", "AK9*R*1*1*0"]),
        ([a_set("0001", st="999A")], 1, ["AK5*R*1", "AK9*R*1*1*0"]),
        ([a_set("0001", *ITEM, "CTT*2")], 1, ["AK5*R*5", "AK9*R*1*1*0"]),
        ([a_set("0001", BIA, *ITEM)], 1, ["AK3*BIA*4**5", "AK5*R*5", "AK9*R*1*1*0"]),
        ([a_set("0001", "Q!*1", *ITEM)], 1, ["AK3*Q!*4**1", "AK5*R*5", "AK9*R*1*1*0"]),
        ([a_set("0001", "QTY*17*1*EA", *ITEM)], 1, ["AK3*QTY*4**7", "AK5*R*5", "AK9*R*1*1*0"]),
        ([a_set("0001", "LIN*1*XX*SKU-1", "QTY*17*1*EA")], 1, ["AK3*QTY*5**8", "AK5*E*5", "AK9*E*1*1*1"]),
        ([a_set("0001", "LIN*1*SK*A", "QTY*17*1*EA", "QTY*17*2*EA")], 1, None),
    ],
    ids=[
        "GE01", "no SE", "SE02", "no ST02", "ST01", "CTT01", "two BIA", "id", "order", "no item", "said twice",
    ],
)  # fmt: skip
def test_each_defect_has_its_code(sets: list[list[str]], said: int, expected: list[str] | None) -> None:
    found = lines(a_file(a_group(*sets, said=said)))[2:]
    assert found == (expected or ["AK3*QTY*5**5", "AK3*QTY*6**5", "AK5*E*5", "AK9*E*1*1*1"])


def test_a_set_control_that_comes_twice_is_718_23() -> None:
    assert lines(a_file(a_group(GOOD, GOOD)))[2:] == ["AK5*A", "AK2*846*0001", "AK5*R*23", "AK9*P*2*2*1"]


def test_a_group_without_its_trailer_or_with_another_number() -> None:
    whole = a_group(GOOD)
    answered = [each for each in answers(a_file(whole[:-1])) if each.kind == "997"]
    assert [each.segments[-1] for each in answered] == [("AK9", "E", "1", "1", "1", "3")]
    (other,) = answers(a_file([*whole[:-1], "GE*1*8"]))
    assert other.segments[-1] == ("AK9", "E", "1", "1", "1", "4")


def test_each_group_is_answered_the_empty_one_too() -> None:
    found = answers(a_file(a_group(GOOD), a_group(control="8"), a_group(said=2, control="9")))
    assert [(each.group_control, each.status, each.segments[-1][1:]) for each in found] == [
        ("7", "A", ("A", "1", "1", "1")),
        ("8", "A", ("A", "0", "0", "0")),
        ("9", "E", ("E", "2", "0", "0", "5")),
    ]


def test_a_defect_of_one_group_is_none_of_another() -> None:
    first, second = answers(a_file(a_group(GOOD, said=2), a_group(GOOD, control="8")))
    assert (first.status, second.status) == ("E", "A")


def test_gs01_that_belongs_to_another_set_is_accepted_with_an_error() -> None:
    assert lines(a_file(a_group(GOOD, code="SH"))) == [
        "AK1*SH*7", "AK2*846*0001", "AK5*E*6", "AK9*E*1*1*1",
    ]  # fmt: skip


def test_a_strict_partners_warning_rejects() -> None:
    strict = Profile("acme", strictness="strict")
    assert lines(a_file(a_group(GOOD, code="SH")), strict)[2:] == ["AK5*R*6", "AK9*R*1*1*0"]


@pytest.mark.parametrize("usage", ["T", "I"])
def test_a_test_is_answered_as_a_test(usage: str) -> None:
    (answer,) = answers(a_file(a_group(GOOD), usage=usage))
    assert answer.is_test
    assert b"*0*T*:~\n" in written(answer, NUMBERS, AT)


def test_005010_is_answered_with_a_999() -> None:
    bad = a_set("0002", "LIN*1*SK*SKU-1", "QTY*17*12*E-A")
    (answer,) = answers(a_file(a_group([f"{GOOD[0]}*005010X1", *GOOD[1:]], bad, version="005010")))
    assert (answer.kind, answer.version) == ("999", "005010X231A1")
    text = written(answer, NUMBERS, AT).decode()
    assert text.startswith("ISA*00*          *00*          *01*SYNCLINE       *ZZ*ACME           *261103*0605*^*00501*")
    assert text.partition("GS")[2] == (
        "*FA*SYNCAPP*ACMEAPP*20261103*0605*34*X*005010X231A1~\nST*999*0001*005010X231A1~\nAK1*IB*7*005010~\n"
        "AK2*846*0001*005010X1~\nIK5*A~\nAK2*846*0002~\nIK3*QTY*5**8~\nIK4*3**6*E-A~\nIK5*E*5~\nAK9*E*2*2*2~\n"
        "SE*10*0001~\n" + TAIL
    )


@pytest.mark.parametrize(
    ("version", "said", "expected"),
    [
        ("005010", "997", ("997", "005010")),
        ("005010X231", None, ("999", "005010X231A1")),
        ("004010", "999", ("999", "005010X231A1")),
        ("004010VICS", None, ("997", "004010")),
        ("003040", None, ("997", "003040")),
        ("", None, ("997", "004010")),
    ],
)
def test_the_version_and_the_profile_choose_the_set(version: str, said: str | None, expected: tuple[str, str]) -> None:
    profile = Profile("acme", acknowledge_with=said)  # type: ignore[arg-type]
    (answer,) = answers(a_file(a_group(GOOD, version=version)), profile)
    assert (answer.kind, answer.version) == expected


def test_before_004010_dates_have_six_digits() -> None:
    (answer,) = answers(a_file(a_group(GOOD, version="003040")))
    text = written(answer, NUMBERS, AT)
    assert b"*U*00304*" in text
    assert b"GS*FA*SYNCAPP*ACMEAPP*261103*0605*34*X*003040~" in text


def test_an_acknowledgment_is_not_acknowledged() -> None:
    ack = ["ST*997*0001", "AK1*IB*1", "AK9*A*1*1*1", "SE*4*0001"]
    both = Profile("acme", acknowledge=("functional", "interchange"))
    assert answers(a_file(a_group(ack, code="FA"), asks="1"), both) == []
    assert answers(a_file(a_group(ack[:-1], code="FA"), asks="1"), both) == []
    assert answers(a_file(a_group(ack, code="IB")), both) == []
    assert answers(a_file(a_group(code="FA"), asks="1"), both) == []


def test_what_stands_beside_an_acknowledgment_is_answered() -> None:
    ack = ["ST*997*0009", "AK1*IB*1", "AK9*A*1*1*1", "SE*4*0009"]
    (other,) = answers(a_file(a_group(ack, code="FA"), a_group(GOOD, control="8")))
    assert other.group_control == "8"
    assert lines(a_file(a_group(ack, GOOD))) == ["AK1*IB*7", "AK2*846*0001", "AK5*A", "AK9*E*2*2*2"]


@pytest.mark.parametrize("acknowledge", [(), ("interchange",)])
def test_a_profile_may_want_no_functional_answer(acknowledge: tuple[str, ...]) -> None:
    profile = Profile("acme", acknowledge=acknowledge)  # type: ignore[arg-type]
    kinds = [each.kind for each in answers(a_file(a_group(GOOD, said=3), asks="1"), profile)]
    assert kinds == ["TA1"] * len(acknowledge)


def test_sets_of_another_interchange_are_none_of_this_one() -> None:
    found = answers(a_file(a_group(GOOD)) + a_file(a_group(GOOD, GOOD)))
    assert [len(each.segments) for each in found] == [4, 6]
