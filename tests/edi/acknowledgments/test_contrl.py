"""CONTRL: acknowledged or rejected, by interchange, group and message."""

from __future__ import annotations

import pytest
from tests.edi.acknowledgments.samples import AT, MESSAGE, NUMBERS, a_message, an_edifact_file, answers, lines

from syncline.edi import Profile
from syncline.edi.acknowledgments import written

UCI = "UCI+77+ACME:14+SYNCLINE:ZZ"
UCM = "UCM+1+INVRPT:D:96A:UN:EAN004"
UCF = "UCF+G1+APP:14+OURS"


def a_group(*messages: list[str], said: int | None = None) -> list[str]:
    body = [segment for one in messages for segment in one]
    return [
        "UNG+INVRPT+APP:14+OURS+261102:1430+G1+UN+D:96A",
        *body,
        f"UNE+{len(messages) if said is None else said}+G1",
    ]


def test_all_good_is_a_contrl_with_its_envelope() -> None:
    (answer,) = answers(an_edifact_file(a_message(), a_message("2")))
    assert (answer.kind, answer.status, answer.interchange, answer.version) == ("CONTRL", "7", "77", "D:3:UN")
    assert written(answer, NUMBERS, AT).decode() == (
        "UNA:+.? 'UNB+UNOC:3+SYNCLINE:ZZ+ACME:14+261103:0605+12'UNH+1+CONTRL:D:3:UN'"
        "UCI+77+ACME:14+SYNCLINE:ZZ+7'UCM+1+INVRPT:D:96A:UN:EAN004+7'UCM+2+INVRPT:D:96A:UN:EAN004+7'"
        "UNT+5+1'UNZ+1+12'"
    )


def test_a_rejected_message_has_its_segments_and_elements_in_error() -> None:
    bad = a_message("1", "BGM+35++9", *MESSAGE[1:4], "QTY+145:12 or so:PCE")
    # In S011 the segment tag has position 1, so BGM02 is 3.
    assert lines(an_edifact_file(bad, a_message("2"))) == [
        f"{UCI}+7", f"{UCM}+4", "UCS+2", "UCD+13+3", "UCS+6", "UCD+12+2:2", "UCM+2+INVRPT:D:96A:UN:EAN004+7",
    ]  # fmt: skip


def test_a_line_that_is_kept_out_leaves_its_message_acknowledged() -> None:
    assert lines(an_edifact_file(a_message("1", *MESSAGE[:4], "QTY+145:a:PCE"))) == [f"{UCI}+7", f"{UCM}+7"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (a_message(count=9), ["+4+29+UNT+2"]),
        ([*a_message()[:-1], "UNT+7+2"], ["+4+28+UNT+3"]),
        (a_message()[:-1], ["+4+13+UNT"]),
        (a_message("1", *MESSAGE, "CNT+2:4"), ["+4+29"]),
        (a_message("1", *MESSAGE[1:]), ["+4", "UCS+1+13"]),
        (a_message("1", *MESSAGE, MESSAGE[0]), ["+4", "UCS+7+35"]),
        (a_message("1", *MESSAGE, "L?N+1"), ["+4", "UCS+7+15"]),
    ],
    ids=["UNT01", "UNT02", "no UNT", "CNT", "no BGM", "two BGM", "id"],
)
def test_each_defect_has_its_code(message: list[str], expected: list[str]) -> None:
    assert lines(an_edifact_file(message)) == [f"{UCI}+7", UCM + expected[0], *expected[1:]]


def test_a_message_that_nobody_reads_is_rejected() -> None:
    unread = [each.replace("INVRPT", "INVOIC") for each in a_message()]
    assert lines(an_edifact_file(unread)) == [f"{UCI}+7", "UCM+1+INVOIC:D:96A:UN:EAN004+4+14+UNH+3"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (an_edifact_file(a_message(), usage="++++++5"), "4+25+UNB+12"),
        (an_edifact_file(a_message(count=9), said=2), "4+29+UNZ+2"),
        (an_edifact_file(a_message()[:-1]).partition(b"UNZ")[0], "4+13+UNZ"),
        (an_edifact_file(["BGM+35"], said=0), "4+33"),
    ],
    ids=["UNB11", "UNZ01", "no UNZ", "stray"],
)
def test_an_interchange_that_nothing_was_taken_of_is_rejected(data: bytes, expected: str) -> None:
    (answer,) = answers(data)
    assert answer.status == "4"
    assert lines(data) == [f"{UCI}+{expected}"]


def test_a_defect_around_messages_that_were_taken_is_no_rejection() -> None:
    assert lines(an_edifact_file(a_message(), said=2)) == [f"{UCI}+7", f"{UCM}+7"]
    strict = Profile("acme", strictness="strict")
    assert lines(an_edifact_file(a_message(), said=2), strict) == [f"{UCI}+4+29+UNZ+2"]


def test_a_stranger_is_refused() -> None:
    assert lines(an_edifact_file(a_message()), Profile("acme", senders=("OTHER",))) == [f"{UCI}+4+23+UNB+3"]
    assert lines(an_edifact_file(a_message()), Profile("acme", receivers=("OTHER",))) == [f"{UCI}+4+7+UNB+4"]


def test_groups_are_answered_where_there_are_some() -> None:
    assert lines(an_edifact_file(a_group(a_message(), a_message("2", *MESSAGE[1:])))) == [
        f"{UCI}+7", f"{UCF}+7", f"{UCM}+7", "UCM+2+INVRPT:D:96A:UN:EAN004+4", "UCS+1+13",
    ]  # fmt: skip
    assert lines(an_edifact_file(a_group(said=0))) == [f"{UCI}+7", f"{UCF}+7"]
    assert lines(an_edifact_file(a_group(a_message(), said=2))) == [f"{UCI}+7", f"{UCF}+7", f"{UCM}+7"]
    strict = Profile("acme", strictness="strict")
    assert lines(an_edifact_file(a_group(a_message(), said=2)), strict) == [f"{UCI}+7", f"{UCF}+4+29+UNE+2"]


def test_a_contrl_is_not_acknowledged() -> None:
    ack = ["UNH+1+CONTRL:D:3:UN", "UCI+1+SYNCLINE:ZZ+ACME:14+7", "UNT+3+1"]
    assert answers(an_edifact_file(ack)) == []
    assert answers(an_edifact_file([*ack[:2], "UNT+9+1"], said=7)) == []
    assert lines(an_edifact_file(ack, a_message("2"))) == [f"{UCI}+7", "UCM+2+INVRPT:D:96A:UN:EAN004+7"]


def test_a_profile_may_want_none() -> None:
    assert answers(an_edifact_file(a_message()), Profile("acme", acknowledge=())) == []


def test_a_test_is_answered_as_a_test() -> None:
    (answer,) = answers(an_edifact_file(a_message(), usage="++++++1"))
    assert answer.is_test
    assert b"+261103:0605+12++++++1'UNH" in written(answer, NUMBERS, AT)


def test_the_syntax_version_is_the_partners() -> None:
    (fourth,) = answers(an_edifact_file(a_message("1*2"), syntax="UNOW:4"))
    text = written(fourth, NUMBERS, AT).decode()
    assert text.startswith("UNA:+.?*'UNB+UNOW:4+SYNCLINE:ZZ+ACME:14+20261103:0605+12'UNH+1+CONTRL:4:1:UN'")
    assert "UCM+1?*2+" in text
    (first,) = answers(an_edifact_file(a_message(), syntax="UNOA:1"))
    assert written(first, NUMBERS, AT).startswith(b"UNA:+.? 'UNB+UNOA:1+")
    (odd,) = answers(an_edifact_file(a_message(), syntax="KECA:1"))
    assert written(odd, NUMBERS, AT).startswith(b"UNA:+.? 'UNB+UNOC:3+")
