"""Envelopes against bytes written by hand, and the layouts of files."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from syncline.twin.edi import edifact, x12
from syncline.twin.edi.envelope import EDIFACT, X12, Group, Interchange, Separators, Set
from syncline.twin.edi.layout import BOM, Layout, can_wrap, lay_out
from syncline.twin.edi.style import Body

AT = datetime(2026, 11, 2, 14, 30)
X12_BODY = Body("846", "004010", [["BIA", "00", "SI", "R1", "20261102"]])
X12_USUAL: dict[str, Any] = {"separators": X12, "version": "00401"}
MESSAGE = Body("INVRPT", "D:96A:UN", [["BGM", "35", "R1", "9"]])


def interchange(body: Body, **fields: Any) -> Interchange:
    groups = (
        Group(control="7", sets=(Set(control="0001", body=body), Set(control="0002", body=body))),
        Group(control="8", sets=(Set(control="0001", body=body),)),
    )
    about = {"sender": "ACME", "receiver": "SYNCLINE", "control": "000000005", "at": AT, "groups": groups}
    return Interchange(**{**about, **fields})


def x12_text(**fields: Any) -> str:
    return lay_out(x12.pieces(interchange(X12_BODY, **{**X12_USUAL, **fields}))).decode()


def edifact_text(**fields: Any) -> str:
    return lay_out(edifact.pieces(interchange(MESSAGE, **{"separators": EDIFACT, "version": "3", **fields}))).decode()


X12_WANTED = """\
ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       *261102*1430*U*00401*000000005*0*P*>~
GS*IB*ACME*SYNCLINE*20261102*1430*7*X*004010~
ST*846*0001~
BIA*00*SI*R1*20261102~
SE*3*0001~
ST*846*0002~
BIA*00*SI*R1*20261102~
SE*3*0002~
GE*2*7~
GS*IB*ACME*SYNCLINE*20261102*1430*8*X*004010~
ST*846*0001~
BIA*00*SI*R1*20261102~
SE*3*0001~
GE*1*8~
IEA*2*000000005~
"""
EDIFACT_WANTED = """\
UNA:+.? '
UNB+UNOC:3+ACME:ZZ+SYNCLINE:ZZ+261102:1430+000000005'
UNH+0001+INVRPT:D:96A:UN'
BGM+35+R1+9'
UNT+3+0001'
UNH+0002+INVRPT:D:96A:UN'
BGM+35+R1+9'
UNT+3+0002'
UNH+0001+INVRPT:D:96A:UN'
BGM+35+R1+9'
UNT+3+0001'
UNZ+3+000000005'
"""


def test_x12() -> None:
    assert x12_text() == X12_WANTED
    assert len(X12_WANTED.partition("\n")[0]) == 106  # ISA is of fixed width


def test_x12_variations() -> None:
    lines = X12_WANTED.splitlines()
    assert x12_text(is_test=True).splitlines()[0] == lines[0].replace("*P*", "*T*")
    assert x12_text(is_padded=False).splitlines()[0] == (
        "ISA*00**00**ZZ*ACME*ZZ*SYNCLINE*261102*1430*U*00401*000000005*0*P*>~"
    )
    assert x12_text(version="00503").splitlines()[0] == lines[0].replace("00401", "00503")
    other = x12_text(separators=Separators("|", ":", "}", "^"))
    assert other.splitlines()[0].replace("|", "*") == lines[0].replace(">~", ":}").replace("*U*", "*^*")
    assert "SE|3|0001}" in other
    assert x12_text(count_off=1, closing_control="9").splitlines()[-1] == "IEA*3*9~"
    assert x12_text(is_glued=True).endswith("IEA*2*000000005")
    ta1 = x12_text(groups=(), service=(["TA1", "000000001", "261102", "1430", "A", "000"],))
    assert ta1.splitlines()[1:] == ["TA1*000000001*261102*1430*A*000~", "IEA*0*000000005~"]


def test_edifact() -> None:
    assert edifact_text() == EDIFACT_WANTED


def test_edifact_variations() -> None:
    lines = EDIFACT_WANTED.splitlines()
    assert edifact_text(has_una=False) == EDIFACT_WANTED.partition("\n")[2]
    assert edifact_text(has_short_una=True).splitlines()[0] == "UNA:+.?'"
    assert edifact_text(is_test=True).splitlines()[1] == lines[1].replace("005'", "005++++++1'")
    other = edifact_text(separators=Separators("*", "|", "~", " ", "!", ","))
    assert other.splitlines()[:2] == ["UNA|*,! ~", lines[1].translate({43: "*", 58: "|", 39: "~"})]
    grouped = edifact_text(has_groups=True).splitlines()
    assert grouped[2] == "UNG+INVRPT+ACME:ZZ+SYNCLINE:ZZ+261102:1430+7+UN+D:96A'"
    assert [line for line in grouped if line[:3] in ("UNE", "UNZ")] == ["UNE+2+7'", "UNE+1+8'", "UNZ+2+000000005'"]
    broken = edifact_text(separators=replace(EDIFACT, terminator="\n"))
    assert broken == EDIFACT_WANTED.replace("'", "")


def test_counts_and_controls_of_sets_and_groups_can_be_wrong() -> None:
    wrong = Set(control="0001", body=X12_BODY, count_off=1, closing_control="9999")
    group = Group(control="7", sets=(wrong,), count_off=1, closing_control="6")
    assert x12_text(groups=(group,)).splitlines()[4:6] == ["SE*4*9999~", "GE*2*6~"]
    glued = Group(control="7", sets=(Set(control="0001", body=X12_BODY, is_glued=True), wrong))
    assert "SE*3*0001ST*846*0001~\n" in x12_text(groups=(glued,))


PIECES = x12.pieces(interchange(X12_BODY, **X12_USUAL))


@pytest.mark.parametrize(
    ("layout", "wanted"),
    [
        (Layout(line_end="\r\n"), X12_WANTED.replace("\n", "\r\n")),
        (Layout(line_end=""), X12_WANTED.replace("\n", "")),
        (Layout(has_open_end=True), X12_WANTED[:-2]),
        (Layout(empty_after=1), X12_WANTED.replace("004010~", "004010~~", 1)),
    ],
)
def test_layouts(layout: Layout, wanted: str) -> None:
    assert lay_out(PIECES, layout).decode() == wanted


def test_a_byte_order_mark_and_indentation_by_level() -> None:
    assert lay_out(PIECES, Layout(has_bom=True)) == BOM + X12_WANTED.encode()
    lines = lay_out(PIECES, Layout(is_indented=True)).decode().splitlines()
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4, 6, 4, 4, 6, 4, 2, 2, 4, 6, 4, 2, 0]
    assert [line.lstrip() for line in lines] == X12_WANTED.splitlines()


def test_wrapping_breaks_anywhere() -> None:
    wrapped = lay_out(PIECES, Layout(is_wrapped=True)).decode()
    lines = wrapped.split("\r\n")
    assert {len(line) for line in lines[:-1]} == {80}
    assert "".join(lines) == X12_WANTED.replace("\n", "")
    assert can_wrap(PIECES)
    assert not can_wrap(x12.pieces(interchange(X12_BODY, separators=replace(X12, terminator="\r\n"), version="00401")))
