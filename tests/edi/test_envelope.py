"""What stands around the sets, in both syntaxes: a defect keeps out the smallest unit that it touches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncline.edi.envelope import TransactionSet, transaction_sets
from syncline.edi.errors import Fault

REAL = Path(__file__).parents[3] / "shared" / "data" / "edi"
MESSAGE = "UNH+{n}+INVRPT:D:96A:UN:EAN004'BGM+35+1+9'UNT+3+{n}'"
UNB = "UNA:+.? 'UNB+UNOC:3+ACME+SYNCLINE+261102:1430+7{usage}'"


def read(data: bytes | str) -> tuple[list[TransactionSet], list[str]]:
    """Sets, and the codes of all faults, those of sets with the set's number before them."""
    found = list(transaction_sets(data.encode() if isinstance(data, str) else data, "a.edi"))
    sets = [item for item in found if isinstance(item, TransactionSet)]
    codes = [item.code for item in found if isinstance(item, Fault)]
    return sets, codes + [f"{each.control}: {fault.code}" for each in sets for fault in each.faults]


def messages(*numbers: int) -> str:
    return "".join(MESSAGE.format(n=n) for n in numbers)


def test_a_message_is_a_set() -> None:
    (found,), codes = read(f"{UNB.format(usage='')}{messages(1)}UNZ+1+7'")
    assert codes == []
    assert (found.type, found.version, found.control, found.interchange) == ("INVRPT", "D:96A:UN:EAN004", "1", "7")
    assert [segment.id for segment in found.body] == ["BGM"]
    assert not found.is_test


@pytest.mark.parametrize(("usage", "is_test"), [("++++++1", True), ("++++++0", False), ("", False)])
def test_unb_11_says_test(usage: str, is_test: bool) -> None:
    (found,), codes = read(f"{UNB.format(usage=usage)}{messages(1)}UNZ+1+7'")
    assert (found.is_test, codes) == (is_test, [])


def test_groups_are_counted_where_there_are_some() -> None:
    group = f"UNG+INVRPT+A+B+261102:1430+G1+UN+D:96A'{messages(1, 2)}UNE+2+G1'"
    sets, codes = read(f"{UNB.format(usage='')}{group}{group}UNZ+2+7'")
    assert ([each.group for each in sets], codes) == (["G1"] * 4, [])


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
    x12 = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       *261102*1430*U*00401*000000007*0*T*>~"
    sets, codes = read(
        f"{x12}GS*IB*A*B*20261102*1430*5*X*004010~ST*846*1~SE*2*1~GE*1*5~IEA*1*7~{UNB.format(usage='')}{messages(1)}UNZ+1+7'"
    )
    assert codes == []
    assert [(each.type, each.is_test) for each in sets] == [("846", True), ("INVRPT", False)]


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
    sets, codes = read(data)
    assert sets
    # An ISA without its fixed widths was judged defective; it is read all the same, and known.
    is_padded = all(each.delimiters.is_padded for each in sets)
    assert (bool(codes) or not is_padded) == (verdict == "defective"), codes
    assert all(data[each.st.offset :].startswith(each.st.id.encode()) for each in sets)
