"""What stands around the sets, in both syntaxes: a defect keeps out the smallest unit that it touches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncline.edi.blocks import Segment
from syncline.edi.envelope import transaction_sets
from syncline.edi.findings import Finding
from syncline.edi.reading import read_file
from syncline.edi.units import Collected, Interchange, TransactionSet

REAL = Path(__file__).parents[3] / "shared" / "data" / "edi"
MESSAGE = "UNH+{n}+INVRPT:D:96A:UN:EAN004'BGM+35+1+9'UNT+3+{n}'"
UNB = "UNA:+.? 'UNB+UNOC:3+ACME+SYNCLINE+261102:1430+7{usage}'"


def read(data: bytes | str) -> tuple[list[TransactionSet], list[str]]:
    """Sets, and the codes of all errors, those of sets with the set's number before them."""
    found = list(transaction_sets(data.encode() if isinstance(data, str) else data))
    sets = [item for item in found if isinstance(item, TransactionSet)]
    codes = [each.code for item in found if isinstance(item, Interchange) for each in errors(item)]
    return sets, codes + [f"{each.control}: {finding.code}" for each in sets for finding in errors(each)]


def errors(of: TransactionSet | Interchange) -> list[Finding]:
    return [finding for finding in of.findings if finding.severity == "error"]


def body(of: TransactionSet) -> list[Segment]:
    assert isinstance(of.body, Collected)
    return of.body.segments


def messages(*numbers: int) -> str:
    return "".join(MESSAGE.format(n=n) for n in numbers)


def test_a_message_is_a_set() -> None:
    (found,), codes = read(f"{UNB.format(usage='')}{messages(1)}UNZ+1+7'")
    assert codes == []
    assert (found.type, found.version, found.control, found.interchange.control) == (
        "INVRPT",
        "D:96A:UN:EAN004",
        "1",
        "7",
    )
    assert [segment.id for segment in body(found)] == ["BGM"]
    assert not found.is_test


def test_what_a_trailer_says_of_its_group_is_kept_the_empty_one_too() -> None:
    group = "UNG+INVRPT+A+B+261102:1430+G{n}'{body}UNE+{said}+G{n}'"
    text = group.format(n=1, body=messages(1), said=3) + group.format(n=2, body="", said=0)
    (found,) = [
        each
        for each in transaction_sets(f"{UNB.format(usage='')}{text}UNZ+2+7'".encode())
        if isinstance(each, Interchange)
    ]
    assert [(each.control, each.sets, each.said) for each in found.opened] == [("G1", 1, "3"), ("G2", 0, "0")]


def test_a_file_of_nothing_but_a_ta1_says_something() -> None:
    isa = f"ISA*00*{' ' * 10}*00*{' ' * 10}*ZZ*{'ACME':15}*ZZ*{'SYNCLINE':15}*261102*1430*U*00401*000000009*0*P*>~"
    reading = read_file(f"{isa}TA1*000000007*261102*1430*A*000~IEA*0*000000009~".encode(), source="acme_3pl", file="t")
    assert (reading.verdict, reading.is_refused, reading.faults) == ("accepted", False, [])
    empty = read_file(f"{isa}IEA*0*000000009~".encode(), source="acme_3pl", file="t")
    assert (empty.verdict, empty.is_refused, [each.code for each in empty.faults]) == ("rejected", True, ["no_set"])


@pytest.mark.parametrize(("usage", "is_test"), [("++++++1", True), ("++++++0", False), ("", False)])
def test_unb_11_says_test(usage: str, is_test: bool) -> None:
    (found,), codes = read(f"{UNB.format(usage=usage)}{messages(1)}UNZ+1+7'")
    assert (found.is_test, codes) == (is_test, [])


def test_groups_are_counted_where_there_are_some() -> None:
    group = f"UNG+INVRPT+A+B+261102:1430+G1+UN+D:96A'{messages(1, 2)}UNE+2+G1'"
    sets, codes = read(f"{UNB.format(usage='')}{group}{group}UNZ+2+7'")
    assert ([each.group.control for each in sets], codes) == (["G1"] * 4, [])


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (f"{messages(1, 2)}UNZ+1+7'", ["interchange_count"]),
        (f"{messages(1)}UNZ+1+8'", ["interchange_control"]),
        (messages(1), ["interchange_not_closed"]),
        (f"{messages(1, 1)}UNZ+2+7'", ["1: set_repeated"]),
        ("UNH+1+INVRPT:D:96A:UN'UNT+3+1'UNZ+1+7'", ["1: set_count"]),
        ("UNH+1+INVRPT:D:96A:UN'UNT+2+2'UNZ+1+7'", ["1: set_control"]),
        (f"UNH+1+INVRPT:D:96A:UN'{messages(2)}UNZ+2+7'", ["1: set_not_closed"]),
        ("BGM+35'LIN+1'UNT+2+1'UNZ+0+7'", ["outside_set", "set_not_opened"]),
        ("UNE+1+1'UNZ+0+7'", ["group_not_opened"]),
        (f"UNG+INVRPT+A+B+261102:1430+G1'{messages(1)}UNZ+1+7'", ["group_not_closed"]),
    ],
)
def test_a_defect_has_its_place(body: str, codes: list[str]) -> None:
    assert read(UNB.format(usage="") + body)[1] == codes


def test_a_message_without_an_interchange_is_kept_out() -> None:
    (found,), codes = read(messages(1))
    assert codes == ["1: usage_unknown"]
    assert found.type == "INVRPT"


def test_one_file_may_hold_both_syntaxes() -> None:
    sets, codes = read(f"{x12(usage='T')}{UNB.format(usage='')}{messages(1)}UNZ+1+7'")
    assert codes == []
    assert [(each.type, each.is_test) for each in sets] == [("846", True), ("INVRPT", False)]


def x12(number: int = 1, body: str = "BIA*00*SI*X*20261101~QTY*33*5~", usage: str = "P", version: str = "00401") -> str:
    isa = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       *261102*1430*U"
    isa += f"*{version}*{number:09d}*0*{usage}*>~"
    count = body.count("~") + 2
    return f"{isa}GS*IB*A*B*20261102*1430*1*X*004010~ST*846*0001~{body}SE*{count}*0001~GE*1*1~IEA*1*{number:09d}~"


@pytest.mark.parametrize("cut", ["~IEA", "IEA", "A*1*000000001", "~SE", "SE", "~QTY"])
@pytest.mark.parametrize("between", ["\n", "\r\n", "\ufeff", ""])
def test_what_follows_a_cut_interchange_is_not_taken_for_a_part_of_it(cut: str, between: str) -> None:
    sets, codes = read(x12().split(cut)[0] + between + x12(2, usage="T"))
    last = sets[-1]
    assert (last.interchange.control, last.is_test, list(last.findings)) == ("000000002", True, [])
    assert [each.interchange.control for each in sets[:-1]] == ["000000001"]
    assert codes


def test_interchanges_without_their_last_terminator_follow_each_other() -> None:
    sets, codes = read(x12()[:-1] + "\n" + x12(2).replace("*", "|").replace("~", "^")[:-1] + "\n" + x12(3))
    assert ([each.interchange.control for each in sets], codes) == (["000000001", "000000002", "000000003"], [])


@pytest.mark.parametrize("empty", ["~" * 2_100, "~" * 70_000, " " * 200_000, "\r\n" * 100_000])
def test_nothing_between_segments_is_nothing(empty: str) -> None:
    assert read(x12().replace("ST*", f"{empty}ST*").replace("QTY*", f"{empty}QTY*"))[1] == []


def test_a_segment_id_is_read_without_its_blanks_wherever_it_stands() -> None:
    sets = "".join(f"ST *846*{n:04d}~LIN *1~SE*3*{n:04d}~" for n in range(1, 3_001))
    begin = x12().split("ST*")[0]
    found, codes = read(f"{begin}{sets}GE*3000*1~IEA*1*1~")
    assert (len(found), codes) == (3_000, [])


@pytest.mark.parametrize("shift", range(80))
def test_a_wrapped_file_may_break_anywhere(shift: int) -> None:
    text = x12(1, body=f"BIA*00*SI*X*20261101~PID*F****{'D' * (shift + 1)}~") + x12(2)
    wrapped = "\n".join(text[at : at + 80] for at in range(0, len(text), 80))
    sets, codes = read(wrapped)
    assert ([each.interchange.control for each in sets], codes) == (["000000001", "000000002"], [])


@pytest.mark.parametrize("name", ["SAMSUNG*ZZ", "TUNA*ZZ", "VISA*ZZ", "BIG TUNA", "SONY"])
def test_reading_begins_again_at_an_interchange_and_not_in_a_name(name: str) -> None:
    broken = x12(body=f"BIA*00*SI*X*20261101~N1*MF*{name}~LIN*1*UP*012~").replace("*P*>~", "*P~", 1)
    sets, codes = read(broken + x12(2))
    assert ([each.interchange.control for each in sets], codes) == (["000000002"], ["isa_unreadable"])


def test_a_release_character_of_x12_is_refused() -> None:
    text = x12(body="REF*LT*A\\*C~", version="00704").replace("~GS", "~ISX*\\~GS")
    assert read(text)[1] == ["release_unsupported", "0001: release_unsupported"]


def test_a_release_may_stand_at_the_end_of_a_wrapped_line() -> None:
    (found,), codes = read(f"{UNB.format(usage='')}UNH+1+INVRPT:D:96A:UN'FTX+AAI+++O?\r\n'BRIEN'UNT+3+1'UNZ+1+7'")
    assert codes == []
    assert found.interchange.delimiters.components(body(found)[0].elements[4]) == ["O'BRIEN"]


def test_control_references_are_as_long_as_they_are() -> None:
    text = messages(1).replace("+1+INVRPT", f"+{'a' * 30}+INVRPT").replace("+3+1'", f"+3+{'a' * 30}'")
    assert read(f"{UNB.format(usage='')}{text}UNZ+1+7'")[1] == []


def test_a_segment_that_cannot_be_read_damages_its_set() -> None:
    sets, codes = read(x12(body=f"BIA*00*SI*X*20261101~PID*{'x' * 21_000}~QTY*33*5~"))
    assert codes == ["segment_too_long", "0001: set_damaged"]
    assert len(sets) == 1


def test_many_line_breaks_cost_no_time() -> None:
    text = "UNB+UNOA:1+S+R+D+7'" + "\n" * 60_000 + "UNB+'" * 2_000
    assert len(read(text)[1]) > 1_000


def _real() -> list[tuple[str, str]]:
    index = REAL / "INDEX.md"
    if not index.is_file():
        return []
    return re.findall(
        r"^\| (\S+) \| (well-formed|tolerable|defective)", index.read_text(encoding="utf-8"), re.MULTILINE
    )


@pytest.mark.skipif(not _real(), reason="the real files are not beside the project")
@pytest.mark.parametrize(("name", "verdict"), _real())
def test_real_files_are_judged_as_people_judged_them(name: str, verdict: str) -> None:
    data = (REAL / name).read_bytes()
    reading = read_file(data, source="acme_3pl", file=name)
    assert reading.sets
    verdicts = {each.verdict for each in reading.sets}
    told = "rejected" if reading.verdict != "accepted" else "tolerated" if "tolerated" in verdicts else "accepted"
    assert told == {"well-formed": "accepted", "tolerable": "tolerated", "defective": "rejected"}[verdict], [
        str(found) for found in reading.findings
    ]
    openers = [each.taken.opener for each in reading.sets]
    assert all(data[opener.offset :].startswith(opener.id.encode()) for opener in openers)
